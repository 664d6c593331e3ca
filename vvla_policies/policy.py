"""What a policy is: `act(obs, instruction)`, a card that says what it reads, and a kit that checks both.

The smallest policy:

    class Still(Policy):
        card = PolicyCard(name="still", reads=())

        def act(self, obs, instruction):
            return np.zeros(7)

Actions are float32 (7,) in [-1, 1]: end-effector translation (3), rotation (3), gripper (+1 open, -1 close), in the
benchmark's own relative controller units (LIBERO: 0.05 m and 0.5 rad per unit; CALVIN: 0.02 m and 0.05 rad per unit).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvla_policies.errors import PolicyError
from vvla_policies.observation import KEYS, Observation

ActionChunk = NDArray[np.float32]
"""Float32 (T, 7): T >= 1 actions to execute one after the other before the policy is asked again."""

ACTION_DIM = 7


@dataclass(frozen=True)
class PolicyCard:
    """What a policy is and what it needs; compared with the environment before the first episode.

    Attributes:
        name: the policy's name in tables.
        weights: fingerprint of the weights ("" for a policy without any); part of a run's identity.
        reads: the observation keys it reads; cameras not named here are never drawn.
        image_sizes: camera key to the (height, width) it must be rendered at; absent = the protocol's size.
        chunk: the largest number of actions that one call returns.
        history: the number of past observations it keeps in its memory (1 = none).
        benchmarks: the benchmarks it can act in ("libero", "calvin"); empty = any.
        trained_on: the assets it was trained on ("official", "primitive"), or None; `--assets auto` follows it.
        notes: settings that change its behaviour (checkpoint, thresholds ...), recorded with every run.
    """

    name: str
    weights: str = ""
    reads: tuple[str, ...] = ("image", "wrist_image", "state")
    image_sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    chunk: int = 1
    history: int = 1
    benchmarks: tuple[str, ...] = ()
    trained_on: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.reads) - set(KEYS))
        if unknown:
            raise PolicyError(f"policy '{self.name}' reads {unknown}, which no observation has; choose from {KEYS}")
        if self.chunk < 1 or self.history < 1:
            raise PolicyError(f"policy '{self.name}': chunk and history must be at least 1")

    @property
    def privileged(self) -> bool:
        """Whether it asks for the simulator's own state (experts do; such scores stand apart)."""
        return "privileged" in self.reads

    def to_json(self) -> dict[str, Any]:
        """Plain data for a record."""
        return {**asdict(self), "reads": list(self.reads), "benchmarks": list(self.benchmarks)}


class Policy(ABC):
    """A policy that drives one episode at a time: implement `act`; `reset` clears what it keeps of an episode."""

    card: PolicyCard

    def reset(self, seed: int | None = None) -> None:  # noqa: B027 - optional by design
        """Forgets the past; called before each episode, and when a chain's instruction changes.

        Args:
            seed: the only source of randomness the policy may use, derived from the episode's key.
        """

    @abstractmethod
    def act(self, obs: Observation, instruction: str) -> ArrayLike:
        """Decides what to do next.

        Args:
            obs: the newest observation, with the keys that `card.reads` names (and all state keys).
            instruction: the task in words.

        Returns:
            Actions (T, 7) with 1 <= T <= `card.chunk`, or one action (7,); in [-1, 1].
        """

    def close(self) -> None:  # noqa: B027 - optional by design
        """Frees what the policy holds (connections, device memory)."""


class Memory:
    """All that a batched policy knows of one episode. Subclass it and add what the policy needs to remember.

    Attributes:
        seed: the episode's seed.
        rng: a generator seeded by it, the only source of randomness for this episode.
        looks: whether the policy will read pictures when it is asked next about this episode. Where it says no after
            an answer, nothing is drawn, and it is shown black ones.
    """

    looks = True

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)


class BatchedPolicy(Policy):
    """A policy that drives many episodes at once; its state lives in one `Memory` per episode, never on `self`."""

    _own: Memory | None = None

    def initial_memory(self, seed: int) -> Memory:
        """A fresh memory for an episode (or subtask) with that seed."""
        return Memory(seed)

    @abstractmethod
    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> Sequence[ArrayLike]:
        """`act` for B episodes; the result of one must not depend on the others in the batch.

        Args:
            obs: B observations.
            instructions: B instructions.
            memories: B memories, updated in place.

        Returns:
            B chunks, each (T, 7) or (7,).
        """

    def reset(self, seed: int | None = None) -> None:
        """Starts a fresh memory for `act`."""
        self._own = self.initial_memory(0 if seed is None else seed)

    def act(self, obs: Observation, instruction: str) -> ArrayLike:
        """`act_batch` with a batch of one, on this policy's own memory."""
        if self._own is None:
            self.reset()
        assert self._own is not None
        return self.act_batch([obs], [instruction], [self._own])[0]


def as_chunk(actions: ArrayLike, card: PolicyCard) -> ActionChunk:
    """Checks what a policy returned and brings it into one form.

    Args:
        actions: (7,) or (T, 7).
        card: of the policy that returned them.

    Returns:
        A new float32 array (T, 7), not clipped.

    Raises:
        PolicyError: wrong shape, more actions than the card says, or a value that is not finite.

    >>> as_chunk(np.zeros(7), PolicyCard(name="still")).shape
    (1, 7)
    """
    try:
        chunk = np.array(actions, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"policy '{card.name}' returned {type(actions).__name__}, not numbers (T, 7)") from error
    if chunk.ndim == 1:
        chunk = chunk[None]
    if chunk.ndim != 2 or chunk.shape[1] != ACTION_DIM or not len(chunk):
        raise PolicyError(f"policy '{card.name}' returned shape {np.shape(actions)}; expected (7,) or (T, 7)")
    if len(chunk) > card.chunk:
        raise PolicyError(f"policy '{card.name}' returned {len(chunk)} actions; its card says at most {card.chunk}")
    bad = np.argwhere(~np.isfinite(chunk))
    if len(bad):
        step, entry = bad[0]
        raise PolicyError(f"policy '{card.name}' returned {chunk[step, entry]} at action {step}, entry {entry}")
    return chunk


def check_policy(policy: Policy, observations: Sequence[Observation] | None = None) -> None:
    """Conformance kit: run it in the tests of any policy.

    Checks the card, the form of what `act` returns, that the same seed gives the same actions, that observations are
    left alone, and, for a `BatchedPolicy`, that one episode's actions do not depend on its batch mates.

    Args:
        policy: the policy, ready to act.
        observations: what to show it; by default four made-up observations with pictures of the sizes its card names.

    Raises:
        PolicyError: says which rule is broken.
    """
    if not isinstance(getattr(policy, "card", None), PolicyCard):
        raise PolicyError(f"{type(policy).__name__} needs a `card: PolicyCard`")
    shown = list(observations) if observations is not None else [sample_observation(policy.card, k) for k in range(4)]
    first = _play(policy, shown)
    if not _same(first, _play(policy, shown)):
        raise PolicyError(f"policy '{policy.card.name}': same seed, same observations, other actions after `reset`")
    if isinstance(policy, BatchedPolicy):
        _check_batch(policy, shown, first)


def sample_observation(card: PolicyCard, seed: int = 0) -> Observation:
    """A made-up observation with what `card` reads, for tests and warm-up (256 px where the card names no size)."""
    rng = np.random.default_rng(seed)
    obs: dict[str, Any] = {
        "eef_pos": rng.normal(size=3).astype(np.float32),
        "eef_quat": np.array([1, 0, 0, 0], dtype=np.float32),
        "gripper_qpos": np.array([0.04, -0.04], dtype=np.float32),
        "gripper_command": np.ones(1, dtype=np.float32),
        "joint_pos": rng.normal(size=7).astype(np.float32),
        "state": rng.normal(size=8).astype(np.float32),
    }
    for camera in ("image", "wrist_image"):
        if camera in card.reads:
            height, width = card.image_sizes.get(camera, (256, 256))
            obs[camera] = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if card.privileged:
        obs["privileged"] = {}
    return obs  # type: ignore[return-value]


def _play(policy: Policy, shown: Sequence[Observation]) -> list[ActionChunk]:
    policy.reset(seed=7)
    chunks = []
    for obs in shown:
        before = {k: v.copy() for k, v in obs.items() if isinstance(v, np.ndarray)}
        chunks.append(as_chunk(policy.act(obs, "pick up the cup"), policy.card))
        touched = [k for k, v in before.items() if not np.array_equal(v, obs[k])]  # type: ignore[literal-required]
        if touched:
            raise PolicyError(f"policy '{policy.card.name}' wrote into the observation: {touched}")
    return chunks


def _check_batch(policy: BatchedPolicy, shown: Sequence[Observation], alone: Sequence[ActionChunk]) -> None:
    memories = [policy.initial_memory(7), policy.initial_memory(8)]
    for k, obs in enumerate(shown):
        mate = shown[-1 - k]
        chunks = policy.act_batch([obs, mate], ["pick up the cup", "open the drawer"], memories)
        if len(chunks) != 2:
            raise PolicyError(f"policy '{policy.card.name}': act_batch returned {len(chunks)} chunks for 2 episodes")
        got = as_chunk(chunks[0], policy.card)
        if got.shape != alone[k].shape or not np.allclose(got, alone[k], atol=1e-5):
            raise PolicyError(f"policy '{policy.card.name}': an episode's actions depend on its batch mates (call {k})")


def _same(a: Sequence[ActionChunk], b: Sequence[ActionChunk]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
