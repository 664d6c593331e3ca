"""What is where in CALVIN's scenes A to D: facts of the benchmark's configuration (github mees/calvin_env, conf/)."""

from __future__ import annotations

from dataclasses import dataclass

SCALE = 0.8
"""Table and blocks are loaded at this scale."""

BASE_POSITION = (-0.34, -0.46, 0.24)
REST_JOINTS = (-1.21779206, 1.03987646, 2.11978261, -2.34205014, -0.87015947, 1.64119353, 0.55344866)
"""Where the robot stands (m; its base is not turned), and the arm's joints (rad) that inverse kinematics prefers."""

SLIDER, DRAWER, BUTTON, SWITCH = "base__slide", "base__drawer", "base__button", "base__switch"
LIGHTBULB, LED = "lightbulb", "led"
LIGHTS = {LIGHTBULB: ("light_link", (1.0, 1.0, 0.0, 1.0)), LED: ("led_link", (0.0, 1.0, 0.0, 1.0))}
"""Each light's link of the table, and its colour when it is on."""

Corner = tuple[float, float, float]
Range = tuple[Corner, Corner]


@dataclass(frozen=True)
class Scene:
    """One of the four scenes.

    Attributes:
        name: "A" to "D".
        blocks: each block and its size ("small", "middle", "big"), in the order of `scene_obs`.
        surfaces: where blocks are put at random: name to the lowest and highest corner of the block's centre, m.
        button: where it is along x, m.
        drawer: where its middle is along x, m.
    """

    name: str
    blocks: tuple[tuple[str, str], ...]
    surfaces: dict[str, Range]
    button: float
    drawer: float

    @property
    def table(self) -> str:
        """The table's model, relative to the asset folder."""
        return f"calvin_table_{self.name}/urdf/calvin_table_{self.name}.urdf"


def block_file(name: str, size: str) -> str:
    """A block's model, relative to the asset folder.

    >>> block_file("block_red", "big")
    'blocks/block_red_big.urdf'
    """
    return f"blocks/{name}_{size}.urdf"


def _surfaces(table: tuple[float, float], left: tuple[float, float], right: tuple[float, float]) -> dict[str, Range]:
    """Surfaces from their extents along x; the other two axes are the same in all scenes."""
    return {
        "table": ((table[0], -0.15, 0.46), (table[1], -0.03, 0.46)),
        "slider_left": ((left[0], 0.05, 0.46), (left[1], 0.12, 0.46)),
        "slider_right": ((right[0], 0.05, 0.46), (right[1], 0.12, 0.46)),
    }


SCENES = {
    scene.name: scene
    for scene in (
        Scene(
            "A",
            (("block_pink", "small"), ("block_blue", "big"), ("block_red", "middle")),
            _surfaces((-0.2, 0.35), (-0.32, -0.16), (-0.05, 0.13)),
            button=-0.28,
            drawer=0.1,
        ),
        Scene(
            "B",
            (("block_red", "small"), ("block_blue", "big"), ("block_pink", "middle")),
            _surfaces((-0.35, 0.15), (-0.12, 0.06), (0.15, 0.33)),
            button=0.28,
            drawer=0.18,
        ),
        Scene(
            "C",
            (("block_blue", "small"), ("block_red", "big"), ("block_pink", "middle")),
            _surfaces((0.0, 0.35), (-0.12, 0.06), (0.15, 0.3)),
            button=-0.12,
            drawer=0.1,
        ),
        Scene(
            "D",
            (("block_red", "middle"), ("block_blue", "small"), ("block_pink", "big")),
            _surfaces((0.0, 0.35), (-0.32, -0.16), (-0.05, 0.13)),
            button=-0.12,
            drawer=0.18,
        ),
    )
}
