"""What policies are told for each of CALVIN's tasks: the first phrase of the validation annotations."""

from __future__ import annotations

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
"""Task to phrase (conf/annotations/new_playtable_validation.yaml of github mees/calvin; it has one for each task)."""
