"""CALVIN: a Panda arm at a table with a drawer, a sliding door, a button, a switch, two lights and three blocks."""
