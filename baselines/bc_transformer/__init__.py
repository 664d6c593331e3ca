"""LIBERO's BC-Transformer (arXiv 2306.03310)."""
