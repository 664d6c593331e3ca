# /// script
# requires-python = ">=3.10"
# dependencies = ["lerobot[smolvla]==0.4.4", "websockets>=15", "msgpack>=1.0.5"]
# ///
"""Serves a policy of LeRobot's (ACT, Diffusion, SmolVLA ...): uv run serve_lerobot.py --checkpoint FOLDER_OR_HUB_ID."""

from __future__ import annotations

import argparse
import copy
import hashlib
from collections.abc import Mapping
from typing import Any

import conversions
import endpoint
import numpy as np

STATE = "observation.state"
QUEUES = ("_queues", "_action_queue", "temporal_ensembler")
"""Where LeRobot's policies keep what they remember of an episode; it is kept apart for each connection."""


def build(options: argparse.Namespace) -> tuple[endpoint.Begin, Mapping[str, Any]]:
    """Loads policy and processors (normalisation, tokeniser) from the checkpoint."""
    import torch
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    config = PreTrainedConfig.from_pretrained(options.checkpoint)
    config.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    policy = get_policy_class(config.type).from_pretrained(options.checkpoint, config=config).eval()
    place = {"device_processor": {"device": config.device}}
    before, after = make_pre_post_processors(config, options.checkpoint, preprocessor_overrides=place)
    cameras = {name: conversions.camera_of(name) for name in config.image_features}
    # One picture at a time: the whole chunk is executed before the next look. With a history: a look at every step.
    looks_back = config.n_obs_steps > 1
    steps = 1 if looks_back else config.n_action_steps

    def batch(request: Mapping[str, Any]) -> Any:
        obs = {
            name: conversions.channels_first(conversions.resized(request[key], *config.image_features[name].shape[1:]))
            for name, key in cameras.items()
        }
        obs[STATE] = np.asarray(request["observation/state"], np.float32)[None]
        return before({**{name: torch.from_numpy(array) for name, array in obs.items()}, "task": [request["prompt"]]})

    def begin(seed: int) -> endpoint.Act:
        policy.reset()
        memory = {name: copy.deepcopy(getattr(policy, name)) for name in QUEUES if hasattr(policy, name)}
        generator = torch.Generator().manual_seed(seed)

        def act(request: Mapping[str, Any]) -> Any:
            for name, value in memory.items():
                setattr(policy, name, value)
            with torch.inference_mode(), torch.random.fork_rng():
                torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
                seen = batch(request)
                chunk = policy.select_action(seen)[:, None] if looks_back else policy.predict_action_chunk(seen)
                actions = torch.stack([after(action) for action in chunk[:, :steps].unbind(1)], 1)[0]
            memory.update({name: getattr(policy, name) for name in memory})
            return conversions.horizon(actions.float().cpu().numpy(), steps)

        return act

    said = {"type": config.type, "checkpoint": options.checkpoint, "weights": fingerprint(policy)}
    return begin, {**said, "chunk": steps, "image_size": None}


def fingerprint(policy: Any) -> str:
    """Twelve hexadecimal digits that stand for the names and values of a network's weights."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(policy.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    endpoint.main(endpoint.arguments("Serve a policy of LeRobot's."), build)
