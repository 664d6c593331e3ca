"""`replay`: plays actions back from a file; checks an environment against demonstrations, or a run against itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import MissingExtraError, PolicyError
from vvla_policies.observation import Observation, robosuite_gripper
from vvla_policies.policy import ACTION_DIM, ActionChunk, BatchedPolicy, Memory, PolicyCard


class ReplayMemory(Memory):
    """How far one episode has come.

    Attributes:
        actions: float32 (N, 7), what it plays.
        played: how many of them it has handed out.
    """

    def __init__(self, seed: int, actions: ActionChunk) -> None:
        super().__init__(seed)
        self.actions = actions
        self.played = 0


class ReplayPolicy(BatchedPolicy):
    """Plays recorded actions; when they are used up it stands still and keeps the gripper as it is.

    It is for suites without chains: where an instruction changes, the actions would begin anew.

    Args:
        actions: one of
            - a demonstration file as LIBERO ships them (.hdf5, `data/demo_<k>/actions`, robosuite's gripper sign):
              every episode plays demonstration `demo`;
            - a file of actions (.npy, (N, 7), this package's gripper sign): every episode plays it;
            - the folder of a run: each episode plays the actions that were recorded under its key.
        demo: number of the demonstration.
        chunk: actions per call.

    Raises:
        PolicyError: the file holds no such actions.
    """

    def __init__(self, actions: str | Path, demo: int = 0, chunk: int = 1) -> None:
        path = Path(actions)
        self._same: ActionChunk | None = None
        self._by_seed: Mapping[int, Path] = {}
        if path.is_dir():
            self._by_seed = _recorded(path)
        else:
            self._same = _checked(_read_demo(path, int(demo)) if path.suffix in (".hdf5", ".h5") else _read(path), path)
        notes = {"actions": str(path), "demo": int(demo)}
        fingerprint = "" if self._same is None else hashlib.sha256(self._same.tobytes()).hexdigest()[:16]
        self.card = PolicyCard(name="replay", weights=fingerprint, reads=("state",), chunk=int(chunk), notes=notes)

    def initial_memory(self, seed: int) -> ReplayMemory:
        """A memory at the first action.

        Raises:
            PolicyError: the run holds no episode with that seed.
        """
        if self._same is not None:
            return ReplayMemory(seed, self._same)
        if seed not in self._by_seed:
            raise PolicyError(f"policy 'replay': {self.card.notes['actions']} holds no actions for this episode")
        return ReplayMemory(seed, _checked(_read(self._by_seed[seed]), self._by_seed[seed]))

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """The next actions of each episode."""
        return [self._next(memory) for memory in memories if isinstance(memory, ReplayMemory)]

    def _next(self, memory: ReplayMemory) -> ActionChunk:
        chunk = memory.actions[memory.played : memory.played + self.card.chunk]
        memory.played += len(chunk)
        return chunk.copy() if len(chunk) else _still(memory.actions)


def _still(actions: ActionChunk) -> ActionChunk:
    chunk = np.zeros((1, ACTION_DIM), dtype=np.float32)
    chunk[0, 6] = actions[-1, 6] if len(actions) else 1.0
    return chunk


def _recorded(folder: Path) -> dict[int, Path]:
    """The policy's seed in each recorded episode, which is a function of the key, to the file of its actions."""
    from vvla_policies.evaluation.records.runs import actions_path, load_run

    run = load_run(folder)
    return {record.key.stream("policy"): actions_path(folder, record.key) for record in run.records}


def _read(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise PolicyError(f"policy 'replay' cannot read actions from {path}: {error}") from error


def _read_demo(path: Path, demo: int) -> NDArray[Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("libero", "h5py") from error
    try:
        with h5py.File(path, "r") as file:
            data = file["data"]
            if f"demo_{demo}" not in data:
                raise PolicyError(f"policy 'replay': {path} has demonstrations 0 to {len(data) - 1}, not {demo}")
            return robosuite_gripper(data[f"demo_{demo}/actions"][()])
    except (OSError, KeyError) as error:
        raise PolicyError(f"policy 'replay' cannot read actions from {path}: {error}") from error


def _checked(actions: NDArray[Any], path: Path) -> ActionChunk:
    if actions.ndim != 2 or actions.shape[1] != ACTION_DIM or not np.isfinite(actions).all():
        raise PolicyError(f"policy 'replay': {path} holds {actions.shape}, not finite numbers (N, {ACTION_DIM})")
    return actions.astype(np.float32)
