# /// script
# requires-python = "==3.10.*"
# dependencies = [
#     "octo @ git+https://github.com/octo-models/octo@241fb3514b7c40957a86d869fecb7c7fc353f540",
#     "dlimp @ git+https://github.com/kvablack/dlimp@5edaa4691567873d495633f2708982b42edf1972",
#     "numpy==1.24.3", "jax==0.4.20", "jaxlib==0.4.20", "flax==0.7.5", "optax==0.1.5", "chex==0.1.85",
#     "distrax==0.1.5", "ml_dtypes==0.2.0", "ml_collections>=0.1.0", "tensorflow==2.15.0", "tensorflow_hub>=0.14.0",
#     "tensorflow_probability==0.23.0", "tensorflow_text>=2.13.0,<2.16", "tensorflow_datasets==4.9.2",
#     "tensorflow_graphics==2021.12.3", "scipy>=1.6.0,<1.13", "transformers>=4.34.1,<4.40", "einops>=0.6.1",
#     "gym>=0.26", "absl-py", "tqdm", "pillow", "websockets>=15", "msgpack>=1.0.5",
# ]
# ///
"""Serves an Octo fine-tuned on LIBERO: uv run serve_octo.py --checkpoint FOLDER."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import conversions
import endpoint
import numpy as np

CAMERAS = {"image_primary": "observation/image", "image_wrist": "observation/wrist_image"}


def build(options: argparse.Namespace) -> tuple[endpoint.Begin, Mapping[str, Any]]:
    """Loads the checkpoint; pictures are brought to the sizes that its example batch has."""
    import jax
    from octo.model.octo_model import OctoModel

    model = OctoModel.load_pretrained(options.checkpoint)
    example = model.example_batch["observation"]
    sizes = {name: example[name].shape[2:4] for name in CAMERAS if name in example}
    found = model.dataset_statistics
    statistics = found["action"] if "action" in found else found[options.suite]["action"]

    def begin(seed: int) -> endpoint.Act:
        key = jax.random.PRNGKey(seed)
        calls = 0

        def act(request: Mapping[str, Any]) -> Any:
            nonlocal calls
            calls += 1
            obs: dict[str, Any] = {name: picture(request[CAMERAS[name]], size) for name, size in sizes.items()}
            if "proprio" in example:
                obs["proprio"] = proprioception(request["observation/state"], found)
            obs["timestep_pad_mask"] = np.ones((1, 1), bool)  # the newest frame only
            task = model.create_tasks(texts=[request["prompt"]])
            chunk = model.sample_actions(obs, task, rng=jax.random.fold_in(key, calls))
            actions = conversions.unnormalise_gaussian(np.asarray(chunk)[0], statistics)
            return conversions.gripper_from_unit(conversions.horizon(actions, 0))

        return act

    return begin, {"checkpoint": options.checkpoint, "image_size": None}


def picture(image: Any, size: tuple[int, int]) -> Any:
    """A picture as Octo's data was made: Lanczos to its size; uint8 (1, 1, h, w, 3)."""
    from PIL import Image

    small = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(small)[None, None]


def proprioception(state: Any, statistics: Mapping[str, Any]) -> Any:
    """The state (8,) with mean 0 and deviation 1, (1, 1, 8)."""
    mean, std = (np.asarray(statistics["proprio"][name], np.float32) for name in ("mean", "std"))
    return ((np.asarray(state, np.float32) - mean) / (std + 1e-8))[None, None]


if __name__ == "__main__":
    parser = endpoint.arguments("Serve Octo.")
    parser.add_argument("--suite", default="", help="whose statistics are used, where the checkpoint has several")
    endpoint.main(parser, build)
