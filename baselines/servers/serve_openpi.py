# /// script
# requires-python = "==3.11.*"
# dependencies = [
#     "openpi @ git+https://github.com/Physical-Intelligence/openpi@15a9616a00943ada6c20a0f158e3adb39df2ccac",
#     "websockets>=15",
#     "msgpack>=1.0.5",
# ]
# [tool.uv]
# override-dependencies = ["ml-dtypes==0.4.1", "tensorstore==0.1.74"]
# ///
"""Serves pi0, pi0-FAST and pi0.5 by openpi's own code: uv run serve_openpi.py --config pi05_libero --checkpoint gs://..."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import conversions
import endpoint
import numpy as np

KEYS = ("observation/image", "observation/wrist_image", "observation/state", "prompt")


def build(options: argparse.Namespace) -> tuple[endpoint.Begin, Mapping[str, Any]]:
    """Loads the checkpoint; openpi's transforms resize pictures, normalise, and undo it."""
    from openpi.policies import policy_config
    from openpi.training import config

    training = config.get_config(options.config)
    policy = policy_config.create_trained_policy(training, options.checkpoint)
    flows = "Fast" not in type(training.model).__name__  # pi0-FAST decodes tokens greedily and takes no noise
    shape = (training.model.action_horizon, training.model.action_dim)

    def begin(seed: int) -> endpoint.Act:
        rng = np.random.default_rng(seed)

        def act(request: Mapping[str, Any]) -> Any:
            noise = {"noise": rng.standard_normal(shape).astype(np.float32)} if flows else {}
            answer = policy.infer({key: request[key] for key in KEYS}, **noise)
            return conversions.horizon(answer["actions"], 0)

        return act

    return begin, {"config": options.config, "checkpoint": options.checkpoint, "image_size": 224}


if __name__ == "__main__":
    parser = endpoint.arguments("Serve pi0, pi0-FAST or pi0.5.")
    parser.add_argument("--config", required=True, help="openpi's training configuration, such as pi05_libero")
    endpoint.main(parser, build)
