"""Seeded parallel rollouts, their records, and what is made from the records."""
