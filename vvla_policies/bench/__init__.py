"""What this machine can do: costs of each phase and their limits, a model of the engine, and what workers leak."""
