"""Policies to compare with, each a small adapter with its card."""
