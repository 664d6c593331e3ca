# /// script
# requires-python = "==3.10.*"
# dependencies = [
#     "openvla @ git+https://github.com/openvla/openvla@c8f03f48af692657d3060c19588038c7220e9af9",
#     "numpy<2",
#     "requests",
#     "websockets>=15",
#     "msgpack>=1.0.5",
# ]
# ///
"""Serves OpenVLA by its own code: uv run serve_openvla.py --checkpoint FOLDER_OR_HUB_ID --suite libero_goal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import conversions
import endpoint
import numpy as np


def build(options: argparse.Namespace) -> tuple[endpoint.Begin, Mapping[str, Any]]:
    """Loads the checkpoint into the classes of the installed package: no code of the checkpoint is run."""
    import torch
    from experiments.robot.openvla_utils import DEVICE, get_vla_action
    from prismatic.extern.hf.configuration_prismatic import OpenVLAConfig
    from prismatic.extern.hf.modeling_prismatic import OpenVLAForActionPrediction
    from prismatic.extern.hf.processing_prismatic import PrismaticProcessor

    config = OpenVLAConfig.from_pretrained(options.checkpoint)
    model = OpenVLAForActionPrediction.from_pretrained(
        options.checkpoint, config=config, torch_dtype=torch.bfloat16, low_cpu_mem_usage=True
    )
    model = model.to(options.device or DEVICE).eval()
    processor = PrismaticProcessor.from_pretrained(options.checkpoint)
    key = conversions.statistics_key(list(model.norm_stats), options.suite)

    def act(request: Mapping[str, Any]) -> Any:
        obs = {"full_image": picture(request["observation/image"])}
        action = get_vla_action(model, processor, options.checkpoint, obs, request["prompt"], key, center_crop=True)
        return conversions.gripper_from_unit(np.asarray(action)[None])

    return lambda seed: act, {"checkpoint": options.checkpoint, "statistics": key, "image_size": None}


def picture(image: Any) -> Any:
    """A picture as OpenVLA's data was made: through JPEG, then Lanczos to 224 px."""
    import tensorflow as tf

    decoded = tf.io.decode_image(tf.io.encode_jpeg(image), expand_animations=False, dtype=tf.uint8)
    small = tf.image.resize(decoded, (224, 224), method="lanczos3", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(small), 0, 255), tf.uint8).numpy()


if __name__ == "__main__":
    parser = endpoint.arguments("Serve OpenVLA.")
    parser.add_argument("--suite", required=True, help="whose action statistics are used, such as libero_spatial")
    endpoint.main(parser, build)
