"""What the baselines that learn from demonstrations share: how they see, how they are opened, how they act."""
