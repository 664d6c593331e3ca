# /// script
# requires-python = "==3.10.*"
# dependencies = [
#     "openvla-oft @ git+https://github.com/moojink/openvla-oft@213c5ff8d6e9673885d7e4dd6f2ce73b5d8a45db",
#     "numpy<2",
#     "requests",
#     "websockets>=15",
#     "msgpack>=1.0.5",
# ]
# ///
"""Serves OpenVLA-OFT by its own code: uv run serve_openvla_oft.py --checkpoint ... --suite libero_goal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import conversions
import endpoint
import numpy as np


def build(options: argparse.Namespace) -> tuple[endpoint.Begin, Mapping[str, Any]]:
    """Loads the checkpoint into the classes of the installed package: no code of the checkpoint is run."""
    import torch
    from experiments.robot import openvla_utils as oft
    from prismatic.extern.hf.configuration_prismatic import OpenVLAConfig
    from prismatic.extern.hf.modeling_prismatic import OpenVLAForActionPrediction
    from prismatic.extern.hf.processing_prismatic import PrismaticProcessor

    cfg = SimpleNamespace(
        pretrained_checkpoint=options.checkpoint,
        use_l1_regression=True,
        use_diffusion=False,
        use_film=False,
        num_images_in_input=2,
        use_proprio=True,
        center_crop=True,
        load_in_8bit=False,
        load_in_4bit=False,
    )
    config = OpenVLAConfig.from_pretrained(options.checkpoint)
    model = OpenVLAForActionPrediction.from_pretrained(
        options.checkpoint, config=config, torch_dtype=torch.bfloat16, low_cpu_mem_usage=True
    )
    model.vision_backbone.set_num_images_in_input(cfg.num_images_in_input)
    model = model.to(options.device or oft.DEVICE).eval()
    model.norm_stats = statistics(options.checkpoint)
    cfg.unnorm_key = conversions.statistics_key(list(model.norm_stats), options.suite)
    processor = PrismaticProcessor.from_pretrained(options.checkpoint)
    head = oft.get_action_head(cfg, llm_dim=model.llm_dim)
    projector = oft.get_proprio_projector(cfg, llm_dim=model.llm_dim, proprio_dim=8)

    def act(request: Mapping[str, Any]) -> Any:
        obs = {
            "full_image": request["observation/image"],
            "wrist_image": request["observation/wrist_image"],
            "state": request["observation/state"],
        }
        actions = oft.get_vla_action(cfg, model, processor, obs, request["prompt"], head, projector)
        return conversions.gripper_from_unit(np.stack(actions))

    return lambda seed: act, {"checkpoint": options.checkpoint, "statistics": cfg.unnorm_key, "image_size": None}


def statistics(checkpoint: str) -> Any:
    """`dataset_statistics.json` of a folder or hub repository."""
    import json
    from pathlib import Path

    from huggingface_hub import hf_hub_download

    name = "dataset_statistics.json"
    local = Path(checkpoint) / name
    return json.loads((local if local.is_file() else Path(hf_hub_download(checkpoint, name))).read_text())


if __name__ == "__main__":
    parser = endpoint.arguments("Serve OpenVLA-OFT.")
    parser.add_argument("--suite", required=True, help="whose action statistics are used, such as libero_spatial")
    endpoint.main(parser, build)
