"""CALVIN's layout of demonstrations: a file for each frame, and annotations that name them; modules as in `libero`."""
