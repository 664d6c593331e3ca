"""ACT (arXiv 2304.13705): action chunking with transformers."""
