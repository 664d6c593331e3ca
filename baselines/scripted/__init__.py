"""`scripted`: experts that know the simulator's state and compose a few skills, one for each benchmark."""
