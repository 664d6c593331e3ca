"""Where the wall time of a session went."""

from __future__ import annotations

from collections.abc import Sequence

from vvla_policies.evaluation.records.runs import PHASES, EpisodeRecord, Session


def split(records: Sequence[EpisodeRecord], session: Session) -> dict[str, float]:
    """Wall seconds of a session by phase; they add up to its length.

    Each worker slot lives through the whole session; a phase's share is its part of all slots' time. What no episode
    accounts for (start-up, building environments ahead, idle slots at the end) is "other".

    Args:
        records: the episodes of the session.
        session: workers and length.
    """
    wall = session.seconds or 0.0
    slots = max(1, session.workers)
    spent = {phase: sum(record.seconds.get(phase, 0.0) for record in records) / slots for phase in PHASES}
    return {**spent, "other": max(0.0, wall - sum(spent.values()))}


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(4.26), duration(75), duration(3725)
    ('4.3 s', '1 min 15 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def closing_line(records: Sequence[EpisodeRecord], session: Session) -> str:
    """Length, pace and where the time went, in one line.

    Args:
        records: the episodes of the session.
        session: workers and length.
    """
    wall = session.seconds or 0.0
    if not records or not wall:
        return "Nothing was left to run."
    slots = "1 worker" if session.workers == 1 else f"{session.workers} workers" if session.workers else "no workers"
    parts = sorted(split(records, session).items(), key=lambda part: (part[0] == "other", -part[1]))
    shares = ", ".join(f"{phase} {100 * seconds / wall:.0f} % ({duration(seconds)})" for phase, seconds in parts)
    some = "1 episode" if len(records) == 1 else f"{len(records)} episodes"
    return f"{some} in {duration(wall)} with {slots}, {60 * len(records) / wall:.1f} per minute: {shares}."
