"""Steps LIBERO's own `OffScreenRenderEnv` by hand and records what it shows; run as a script, in a process of its own.

Usage: record_original.py ASSETS BDDL INIT_STATE.npy ACTIONS.npy SEED SETTLE_STEPS SETTLE_GRIPPER SIZE OUT.npz
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np


def main(assets: str, bddl: str, init: str, actions: str, seed: str, settle: str, gripper: str, size: str, out: str):
    import importlib.util
    import os

    places = importlib.util.find_spec("libero").submodule_search_locations
    config = Path(tempfile.mkdtemp()) / "config.yaml"
    keys = ("benchmark_root", "bddl_files", "init_states", "datasets", "assets")
    config.write_text("".join(f"{key}: {places[0]}\n" for key in keys))
    os.environ["LIBERO_CONFIG_PATH"] = str(config.parent)
    import libero.libero

    libero.libero._assets_path_cache = assets
    from libero.libero.envs import OffScreenRenderEnv

    env = OffScreenRenderEnv(
        bddl_file_name=bddl, camera_heights=int(size), camera_widths=int(size), horizon=10**6, ignore_done=True
    )
    env.seed(int(seed))
    env.reset()
    obs = env.set_init_state(np.load(init))
    for _ in range(int(settle)):
        obs, *_ = env.step([0.0] * 6 + [float(gripper)])
    seen = [(obs, env.get_sim_state(), False)]
    for action in np.load(actions):
        obs, _, done, _ = env.step(action)
        seen.append((obs, env.get_sim_state(), done))
    keep = ("agentview_image", "robot0_eye_in_hand_image", "robot0_eef_pos", "robot0_eef_quat")
    keep += ("robot0_gripper_qpos", "robot0_joint_pos")
    record = {key: np.array([o[key] for o, _, _ in seen]) for key in keep}
    np.savez(out, states=[s for _, s, _ in seen], done=[d for _, _, d in seen], **record)


if __name__ == "__main__":
    main(*sys.argv[1:])
