"""The world equals the original simulator's, bit for bit: states, tasks and pictures of recorded trajectories.

`ep1` runs in the world that `ep0` left behind, as it did where it was recorded.
"""

import json

import numpy as np
import pytest
from vvla_policies.envs.calvin.scenes import SCENES

pytestmark = [pytest.mark.calvin, pytest.mark.official]

DRAWN = {"image": ("static", (200, 200)), "wrist_image": ("gripper", (84, 84))}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in "AC" else []) for name in "ABCD"]
)
def test_trajectories_equal_the_original(name, calvin_assets, reference):
    from vvla_policies.envs.calvin.cameras import draw
    from vvla_policies.envs.calvin.oracle import achieved
    from vvla_policies.envs.calvin.world import World

    golden = np.load(reference / "golden" / "calvin" / f"scene_{name}.npz")
    world = World(SCENES[name], calvin_assets)
    for episode in ("ep0", "ep1"):
        world.reset(golden[f"{episode}_robot_start"], golden[f"{episode}_scene_start"])
        start, actions = world.look(), golden[f"{episode}_actions"]
        tasks = json.loads(str(golden[f"{episode}_tasks"]))
        for k in range(len(actions) + 1):
            if k:
                world.step(actions[k - 1])
                assert achieved(start, world.look()) == set(tasks[k - 1]), f"{episode}, step {k}"
            np.testing.assert_array_equal(world.robot.observation(), golden[f"{episode}_robot_obs"][k], f"step {k}")
            np.testing.assert_array_equal(world.scene_obs(), golden[f"{episode}_scene_obs"][k], f"step {k}")
            for camera, (theirs, size) in DRAWN.items():
                if f"{episode}_rgb_{theirs}_{k}" in golden:
                    np.testing.assert_array_equal(draw(world, camera, size), golden[f"{episode}_rgb_{theirs}_{k}"])
    world.close()


@pytest.mark.parametrize("name", ["B", "D"])
def test_a_world_made_anew_forgets_what_happened(name, calvin_assets, reference):
    from vvla_policies.envs.calvin.world import World

    golden = np.load(reference / "golden" / "calvin" / f"scene_{name}.npz")
    used, fresh = (World(SCENES[name], calvin_assets) for _ in range(2))
    used.reset(golden["ep0_robot_start"], golden["ep0_scene_start"])
    for action in golden["ep0_actions"][:60]:
        used.step(action)
    used.load()
    for world in (used, fresh):  # two clients in one process, one after the other and step by step
        world.reset(golden["ep1_robot_start"], golden["ep1_scene_start"])
    for action in golden["ep1_actions"][:60]:
        for world in (used, fresh):
            world.step(action)
        np.testing.assert_array_equal(used.robot.observation(), fresh.robot.observation())
        np.testing.assert_array_equal(used.scene_obs(), fresh.scene_obs())
    used.close()
    fresh.close()
