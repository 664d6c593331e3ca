"""What policies are told for each of CALVIN's tasks: the first phrase of the validation annotations, or all phrases.

The words are facts of the benchmark (conf/annotations/ of github mees/calvin).
"""

from __future__ import annotations

import itertools
import re

COLOURS = ("red", "blue", "pink")

PER_COLOUR = {
    "rotate_{}_block_right": "take the {} block and rotate it to the right",
    "rotate_{}_block_left": "take the {} block and rotate it to the left",
    "push_{}_block_right": "go push the {} block right",
    "push_{}_block_left": "go push the {} block left",
    "lift_{}_block_table": "grasp and lift the {} block",
    "lift_{}_block_slider": "lift the {} block from the sliding cabinet",
    "lift_{}_block_drawer": "Take the {} block from the drawer",
}

INSTRUCTIONS = {
    **{task.format(c): phrase.format(c) for task, phrase in PER_COLOUR.items() for c in COLOURS},
    "move_slider_left": "push the sliding door to the left side",
    "move_slider_right": "push the sliding door to the right side",
    "open_drawer": "pull the handle to open the drawer",
    "close_drawer": "push the handle to close the drawer",
    "place_in_slider": "store the grasped block in the sliding cabinet",
    "place_in_drawer": "store the grasped block in the drawer",
    "push_into_drawer": "slide the block that it falls into the drawer",
    "stack_block": "stack the grasped block",
    "unstack_block": "remove the stacked block",
    "turn_on_lightbulb": "use the switch to turn on the light bulb",
    "turn_off_lightbulb": "use the switch to turn off the light bulb",
    "turn_on_led": "press the button to turn on the led light",
    "turn_off_led": "press the button to turn off the led light",
}
"""Task to phrase (new_playtable_validation.yaml; it has one for each task)."""


def expanded(pattern: str) -> list[str]:
    """All phrases of a pattern, whose brackets hold alternatives.

    >>> expanded("[push|pull] the drawer[| handle]")
    ['push the drawer', 'push the drawer handle', 'pull the drawer', 'pull the drawer handle']
    """
    parts = [part.split("|") if k % 2 else [part] for k, part in enumerate(re.split(r"\[(.*?)\]", pattern))]
    return ["".join(choice) for choice in itertools.product(*parts)]


def _rotate(side: str) -> tuple[str, ...]:
    return (
        f"grasp the {{}} block[, then| and] [rotate|turn] it {side}",
        f"take the {{}} block and [rotate|turn] it {side}",
        f"rotate {side} the {{}} block",
        f"rotate the {{}} block [90 degrees to|to|towards] the {side}",
        f"turn the {{}} block {side}",
    )


def _push(side: str) -> tuple[str, ...]:
    return (
        f"[push|slide] the {{}} block [towards|to] the {side}",
        f"[push|slide] {side} the {{}} block",
        f"go [push|slide] the {{}} block to the {side}",
        f"sweep the {{}} block to the {side}",
    )


def _slide(side: str) -> tuple[str, ...]:
    return (
        f"grasp the door handle[, then| and] [slide|move] the door to the {side}",
        f"[move|slide] the door all the way to the {side}",
        f"[move|slide|push] the door to the {side}[| side]",
        f"slide the door to the {side}, then let it go",
        f"move the door all the way to the {side} and let go",
        f"[move|push] the sliding door to the {side}",
    )


def _drawer(do: str, by: str) -> tuple[str, ...]:
    return (
        f"grasp the [drawer handle|handle of the drawer][, then| and] {do} it",
        f"[|go ]{do} the drawer",
        f"{by} the [handle of the |]drawer",
        f"{do} the cabinet drawer",
    )


def _bulb(state: str, way: str) -> tuple[str, ...]:
    return (
        f"turn {state} the [light bulb|yellow light|yellow lamp]",
        f"[move|slide] {way} the switch",
        f"push the switch {way}wards",
        f"[move|toggle] the light switch to turn {state} the [light bulb|yellow light]",
    )


def _led(state: str) -> tuple[str, ...]:
    return (
        f"turn {state} the [led light|led|led lamp|green light|green lamp]",
        f"[push down|push|toggle] the button to turn {state} the [led light|led|green light]",
    )


_OF_A_BLOCK = {
    **{f"rotate_{{}}_block_{side}": _rotate(side) for side in ("right", "left")},
    **{f"push_{{}}_block_{side}": _push(side) for side in ("right", "left")},
    "lift_{}_block_table": (
        "lift the {} block[| from the table| up]",
        "pick up the {} block[| on the table| from the table]",
        "grasp the {} block[| on the table][ and|, then] lift it up",
    ),
    "lift_{}_block_slider": (
        "pick up the {} block [from the shelf|from the sliding cabinet|in the sliding cabinet]",
        "[grasp|lift] the {} block lying [on the shelf|in the cabinet|in the sliding cabinet|in the slider]",
        "in the [slider|cabinet] pick up the {} block",
        "in the [slider|cabinet|sliding cabinet] grasp the {} block",
        "lift the {} block on the shelf",
    ),
    "lift_{}_block_drawer": (
        "[grasp|pick up] the {} block [from|in|lying in] the drawer",
        "go towards the {} block in the drawer and [pick it up|grasp it|lift it]",
        "lift the {} block [in|lying in] the drawer",
    ),
}

_TRAINING = {
    **{task.format(c): tuple(p.format(c) for p in told) for task, told in _OF_A_BLOCK.items() for c in COLOURS},
    "move_slider_left": _slide("left"),
    "move_slider_right": _slide("right"),
    "open_drawer": _drawer("open", "pull"),
    "close_drawer": _drawer("close", "push"),
    "place_in_slider": (
        "place in slider",
        "put it in the slider",
        "[place|put] the [block|object|grasped object] in the [sliding cabinet|cabinet|slider]",
    ),
    "place_in_drawer": (
        "[place|put|store] the [block|object|grasped object] in the drawer",
        "[move to|go towards] the drawer and [place|store] the object",
        "move to the drawer, then [place|store] the object",
    ),
    "push_into_drawer": (
        "[push|slide|sweep] the [object|block] into the drawer",
        "push the object that it falls into the drawer",
    ),
    "stack_block": (
        "stack blocks on top of each other",
        "stack the blocks",
        "stack the object on top of another object",
        "place the [block|grasped block] on top of another block",
        "put the grasped block on top of a block",
        "[put|stack] the block on top of another block",
    ),
    "unstack_block": (
        "collapse the stacked blocks",
        "take off the stacked block",
        "unstack the blocks",
        "go to the tower of blocks and take off the top one",
        "remove a block from the stack",
        "take off the block that is on top of the other one",
        "remove the top block",
    ),
    "turn_on_lightbulb": _bulb("on", "up"),
    "turn_off_lightbulb": _bulb("off", "down"),
    "turn_on_led": _led("on"),
    "turn_off_led": _led("off"),
}

PHRASES = {
    task: (first, *(phrase for pattern in _TRAINING[task] for phrase in expanded(pattern)))
    for task, first in INSTRUCTIONS.items()
}
"""Task to all its phrases: that of `INSTRUCTIONS`, then those of the training annotations (new_playtable.yaml)."""


def phrase(task: str, turn: int = 0) -> str:
    """A task's phrase; they take turns.

    >>> phrase("open_drawer"), phrase("open_drawer", 5), phrase("open_drawer", 10)
    ('pull the handle to open the drawer', 'open the drawer', 'pull the handle to open the drawer')
    """
    return PHRASES[task][turn % len(PHRASES[task])]
