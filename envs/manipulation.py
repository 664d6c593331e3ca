"""The base of all environments: Gymnasium outside, physics and drawing apart inside.

`step(a)` is `advance(a)` (physics, nothing drawn) and `observe()` (reads the sensors, draws what is asked for). Whoever
runs a chunk of actions calls `run`, which advances through the chunk and leaves it to the caller to observe once: the
frames in between are never drawn, and the ones that are equal those of the step-by-step run bit for bit.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.suite import EnvSettings, Task

from vvla_policies.observation import CAMERAS, STATE_SHAPES, Observation
from vvla_policies.policy import ACTION_DIM


@dataclass(frozen=True)
class Outcome:
    """How an episode stands after some steps.

    Attributes:
        steps: policy steps taken in the episode so far.
        success: the goal is reached (a chain: all of it).
        terminated: the episode is over by its own rules.
        truncated: the step limit is reached without success.
        instruction: what the policy is told now.
        completed: subtasks done (0 or 1 outside chains).
        renewed: the instruction changed in these steps, so the policy starts afresh.
        clipped: actions of this chunk that left [-1, 1].
        subtasks: the names of a chain's subtasks in their order, () outside chains.
    """

    steps: int
    success: bool
    terminated: bool
    truncated: bool
    instruction: str
    completed: int = 0
    renewed: bool = False
    clipped: int = 0
    subtasks: tuple[str, ...] = ()

    @property
    def subtask(self) -> str:
        """The name of the chain's current (or last) subtask, "" outside chains."""
        return self.subtasks[min(self.completed, len(self.subtasks) - 1)] if self.subtasks else ""

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.terminated or self.truncated


class ManipulationEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """One robot, one workspace, one task at a time.

    Subclasses implement `_begin`, `_advance`, `_observe` and, for privileged policies, `privileged`.

    Attributes:
        settings: protocol, assets and cameras.
        task: the current task.
        watcher: called after every step with the executed action, float64 (7,) in [-1, 1], and the outcome; None for
            nobody. It must leave the episode as it is.
        seconds: wall time spent so far in "reset", "physics" and "drawing"; the harness reads and clears it.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]

    def __init__(self, settings: EnvSettings, task: Task, render_mode: str | None = None) -> None:
        self.settings = settings
        self.task = task
        self.render_mode = render_mode
        self.watcher: Callable[[NDArray[np.float64], Outcome], None] | None = None
        self.seconds = {"reset": 0.0, "physics": 0.0, "drawing": 0.0}
        self.action_space = gym.spaces.Box(-1.0, 1.0, (ACTION_DIM,), np.float32)
        spaces: dict[str, gym.Space[Any]] = {
            camera: gym.spaces.Box(0, 255, (*settings.protocol.size(camera), 3), np.uint8)
            for camera in CAMERAS
            if camera in settings.cameras
        }
        spaces |= {key: gym.spaces.Box(-np.inf, np.inf, shape, np.float32) for key, shape in STATE_SHAPES.items()}
        self.observation_space = gym.spaces.Dict(spaces)
        self._outcome: Outcome | None = None

    # --- what a benchmark implements -----------------------------------------------------------------------------

    @abstractmethod
    def _begin(self, task: int, init_state: int, seed: int) -> Outcome:
        """Puts the world into that initial state and settles it; all randomness comes from `seed`."""

    @abstractmethod
    def _advance(self, action: NDArray[np.float64]) -> Outcome:
        """One control step of physics, nothing drawn. The action is clipped and finite."""

    @abstractmethod
    def _observe(self, cameras: tuple[str, ...]) -> Observation:
        """Reads the sensors as of the last step and draws these cameras; arrays are fresh copies."""

    def privileged(self) -> dict[str, Any]:
        """The simulator's own state by name (poses, joints, goal), for policies whose card asks for it."""
        raise NotImplementedError(f"{type(self).__name__} offers no privileged observation")

    def caption(self, outcome: Outcome, limit: int) -> str:
        """How far the episode is, in words for a video; `limit` is the protocol's step limit."""
        return f"step {outcome.steps}/{limit}"

    def fixtures_hash(self) -> str:
        """A short hash of where the episode's fixtures stand, "" if nothing is placed at random."""
        return ""

    def floor(self, camera: str | None = None) -> Callable[[], object] | None:
        """What the bare simulator would do for a control step, or for a picture: for measurements of what is added.

        Args:
            camera: of the picture, one of the settings' cameras; None for the control step.

        Returns:
            Something to call once an episode has begun, which leaves the episode as it is; None if unknown.
        """
        del camera
        return None

    # --- physics and drawing, apart ------------------------------------------------------------------------------

    def start(self, task: int, init_state: int, seed: int) -> Outcome:
        """Begins an episode without drawing anything.

        Args:
            task: number of the task in its suite.
            init_state: number of the recorded initial state.
            seed: for everything that the initial state leaves open.
        """
        with self._timed("reset"):
            self._outcome = self._begin(task, init_state, seed)
        return self._outcome

    def advance(self, action: NDArray[np.floating[Any]]) -> Outcome:
        """One control step, nothing drawn.

        Args:
            action: (7,), finite; values outside [-1, 1] are clipped and counted.
        """
        if self._outcome is None or self._outcome.over:
            raise gym.error.ResetNeeded("the episode is over: call reset() first")
        wanted = np.asarray(action, dtype=np.float64)
        within = np.clip(wanted, -1.0, 1.0)
        with self._timed("physics"):
            outcome = self._advance(within)
        self._outcome = replace(outcome, clipped=int(np.any(within != wanted)))
        if self.watcher is not None:
            self.watcher(within, self._outcome)
        return self._outcome

    def observe(self, draw: bool = True) -> Observation:
        """The observation after the last step.

        Args:
            draw: draw the cameras of the settings; without it their pictures are black.
        """
        cameras = self.settings.cameras
        with self._timed("drawing"):
            if draw:
                return self._observe(cameras)
            size = self.settings.protocol.size
            blank = {camera: np.zeros((*size(camera), 3), dtype=np.uint8) for camera in cameras}
            return {**self._observe(()), **blank}  # type: ignore[typeddict-item]

    def run(self, chunk: NDArray[np.floating[Any]]) -> tuple[Outcome, int]:
        """Advances through a chunk until it ends, the episode ends or the instruction changes.

        Args:
            chunk: (T, 7).

        Returns:
            The outcome, with `clipped` summed over the chunk, and how many of the T actions were executed.
        """
        clipped = executed = 0
        for action in chunk:
            outcome = self.advance(action)
            clipped += outcome.clipped
            executed += 1
            if outcome.over or outcome.renewed:
                break
        return replace(outcome, clipped=clipped), executed

    # --- Gymnasium -------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: for everything that the initial state leaves open; None draws one.
            options: "init_state" (default 0) and "task" (default: the current one), numbers.

        Returns:
            Observation, and info with `instruction`, `success`, `completed`, `subtask`.
        """
        super().reset(seed=seed)
        chosen = {"init_state": 0, "task": self.task.index, **(options or {})}
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        outcome = self.start(int(chosen["task"]), int(chosen["init_state"]), seed)
        return dict(self.observe()), self._info(outcome)

    def step(self, action: NDArray[np.float32]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step and its observation; the reward is 1.0 on success, else 0.0."""
        outcome = self.advance(action)
        obs = dict(self.observe())
        return obs, float(outcome.success), outcome.terminated, outcome.truncated, self._info(outcome)

    def render(self) -> NDArray[np.uint8] | None:
        """The third-person picture, uint8 (H, W, 3), upright; None unless `render_mode="rgb_array"`."""
        if self.render_mode != "rgb_array":
            return None
        with self._timed("drawing"):
            return self._observe(("image",))["image"]

    def _info(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "instruction": outcome.instruction,
            "success": outcome.success,
            "completed": outcome.completed,
            "subtask": outcome.subtask or self.task.name,
            "steps": outcome.steps,
        }

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] += time.perf_counter() - start
