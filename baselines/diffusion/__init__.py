"""Diffusion Policy (arXiv 2303.04137)."""
