"""Errors a user can act on: each message is one line that says what is wrong and what to do."""

from __future__ import annotations


class VvlaError(Exception):
    """Base of the errors that are the user's to fix; the command line prints them without a traceback."""


class UnknownNameError(VvlaError):
    """A policy, suite, task or protocol of that name does not exist."""

    def __init__(self, kind: str, name: str, known: list[str], hint: str = "") -> None:
        near = _closest(name, known)
        guess = f" Did you mean '{near}'?" if near else ""
        super().__init__(f"unknown {kind} '{name}'.{guess} Known: {', '.join(known)}.{' ' + hint if hint else ''}")


class MissingExtraError(VvlaError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, missing: str) -> None:
        super().__init__(f"{missing} is not installed; run: pip install 'vvla-policies[{extra}]'")


class AssetsError(VvlaError):
    """Simulator assets are absent, incomplete or corrupt."""


class PolicyError(VvlaError):
    """A policy broke its contract: wrong shape, NaN, or a card that does not fit the environment."""


class LostPolicyError(PolicyError):
    """A policy is gone together with what it knew of its episodes (its server stopped); another may be there soon."""


class SimulatorError(VvlaError):
    """The simulator stack on this machine cannot run the benchmark (version, renderer)."""


class RecordError(VvlaError):
    """A run folder cannot be written, read or resumed."""


def _closest(name: str, known: list[str]) -> str | None:
    import difflib

    found = difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None
