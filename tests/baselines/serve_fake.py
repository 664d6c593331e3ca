"""A server script for tests: a policy without weights, in this interpreter."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "baselines" / "servers"))

import endpoint
import numpy as np


def build(options):
    if options.checkpoint == "missing":
        raise SystemExit("cannot reach the hub: no such checkpoint")

    def begin(seed):
        calls = 0

        def act(request):
            nonlocal calls
            calls += 1
            if request["prompt"] == "explode":
                raise ValueError("the network exploded")
            edge = request["observation/image"].shape[0]
            return np.tile([calls / 100, seed / 1000, edge / 1000, 0, 0, 0, -1], (4, 1))

        return act

    return begin, {"checkpoint": options.checkpoint, "weights": "0123", "chunk": 4, "image_size": None}


if __name__ == "__main__":
    endpoint.main(endpoint.arguments("A fake."), build)
