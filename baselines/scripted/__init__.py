"""`scripted`: an expert that knows the simulator's state and composes a few skills to reach LIBERO's goals."""
