"""For vla-eval, in its environment: a model server that never moves the arm.

Usage: zero_server.py PORT CHUNK
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.model_servers.serve import serve
from vla_eval.specs import GRIPPER_CLOSE_POS, IMAGE_RGB, POSITION_DELTA, ROTATION_AA, DimSpec


class Zero(PredictModelServer):
    """Zeros, with an open gripper."""

    def predict(self, obs: Any, ctx: Any) -> Any:
        """A chunk of actions."""
        return {"actions": np.tile(np.array([0, 0, 0, 0, 0, 0, -1], np.float32), (self.chunk_size, 1))}

    def get_action_spec(self) -> dict[str, DimSpec]:
        """What comes out."""
        return {"position": POSITION_DELTA, "rotation": ROTATION_AA, "gripper": GRIPPER_CLOSE_POS}

    def get_observation_spec(self) -> dict[str, DimSpec]:
        """What goes in."""
        return {"image": IMAGE_RGB}

    def get_observation_params(self) -> dict[str, Any]:
        """Both cameras and the state, as the others read them."""
        return {"send_wrist_image": True, "send_state": True}


if __name__ == "__main__":
    serve(Zero(chunk_size=int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]))
