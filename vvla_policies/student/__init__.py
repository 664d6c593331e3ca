"""VITA-VLA: a vision-language model that is taught to act by a small action policy (arXiv 2510.09607)."""
