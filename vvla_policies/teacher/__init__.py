"""Seer, the action teacher (arXiv 2412.15109)."""
