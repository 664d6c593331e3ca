"""What trainings tell whoever runs them: a terminal, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Note = Callable[[str], None]
"""Hears of what is being done, in words."""

Line = Callable[[int, int, Mapping[str, float]], None]
"""Hears of every line of a training's log: step, planned steps, values."""
