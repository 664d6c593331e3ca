"""PyBullet behind one door: a physics client of its own for every world."""

from __future__ import annotations

from typing import Any

from vvla_policies.errors import MissingExtraError


def connect() -> Any:
    """Starts a physics client in this process.

    Returns:
        PyBullet's functions, bound to that client; `disconnect()` frees it.

    Raises:
        MissingExtraError: PyBullet is not installed.
    """
    try:
        import pybullet
        from pybullet_utils.bullet_client import BulletClient
    except ModuleNotFoundError as error:
        raise MissingExtraError("calvin", "pybullet") from error
    return BulletClient(pybullet.DIRECT)
