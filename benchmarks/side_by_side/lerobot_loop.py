"""For LeRobot, in its environment: zero actions in its LiberoEnv.

Usage: lerobot_loop.py SUITE TASKS EPISODES STEPS PART PARTS
"""

from __future__ import annotations

import sys

import numpy as np
from lerobot.envs.libero import LiberoEnv
from libero.libero import benchmark

STILL = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)


def main() -> None:
    """Runs this part of the tasks' episodes, whole tasks first."""
    name = sys.argv[1]
    tasks, episodes, steps, part, parts = map(int, sys.argv[2:])
    suite = benchmark.get_benchmark_dict()[name]()
    mine = [(task, k) for task in range(tasks) for k in range(episodes)][part::parts]
    env, at = None, None
    for task, episode in sorted(mine):
        if env is None or at != task:
            if env is not None:
                env.close()
            env, at = LiberoEnv(suite, task, name, obs_type="pixels_agent_pos", episode_index=episode), task
        env.init_state_id = env._init_state_id = episode  # noqa: SLF001 - its name differs between versions
        env.reset(seed=0)
        for _ in range(steps):
            env.step(STILL)
    if env is not None:
        env.close()


if __name__ == "__main__":
    main()
