"""The robot: PyBullet's own Panda arm, with longer fingers, tool point and camera where CALVIN has them."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
from vvla_policies.envs.libero.primitive import meshes
from vvla_policies.envs.libero.primitive.rotations import ORIGIN, Vec3, turn

from vvla_policies.errors import MissingExtraError

from .urdf import ALONG_X, Files, Joint, Link, Look, Part, box, model

SILVER, DARK, PAD = Look("silver", (0.95, 0.95, 0.95)), Look("dark", (0.35, 0.35, 0.37)), Look("pad", (0.9, 0.9, 0.9))
QUARTER = math.pi / 2

ARM: tuple[tuple[Vec3, Vec3, tuple[float, float, float, float], float, Vec3], ...] = (
    ((0, 0, 0.333), ORIGIN, (-2.9671, 2.9671, 87, 2.175), 2.7, (0, -0.04, -0.05)),
    (ORIGIN, (-QUARTER, 0, 0), (-1.8326, 1.8326, 87, 2.175), 2.73, (0, -0.04, 0.06)),
    ((0, -0.316, 0), (QUARTER, 0, 0), (-2.9671, 2.9671, 87, 2.175), 2.04, (0.01, 0.01, -0.05)),
    ((0.0825, 0, 0), (QUARTER, 0, 0), (-3.1416, 0.0, 87, 2.175), 2.08, (-0.03, 0.03, 0.02)),
    ((-0.0825, 0.384, 0), (-QUARTER, 0, 0), (-2.9671, 2.9671, 12, 2.61), 3.0, (0, 0.04, -0.12)),
    (ORIGIN, (QUARTER, 0, 0), (-0.0873, 3.8223, 12, 2.61), 1.3, (0.04, 0, 0)),
    ((0.088, 0, 0), (QUARTER, 0, 0), (-2.9671, 2.9671, 12, 2.61), 0.2, (0, 0, 0.08)),
)
"""Of each joint: place, turn, limits; of the link behind it: mass and centre."""
FINGER = ((0.0062, 0.0), (0.027, 0.0), (0.0215, 0.034), (0.0067, 0.0963), (0.0039, 0.0963), (0.0039, 0.0647))
"""Outline (y, z) of a finger."""
FINGER_HALF_WIDTH = 0.0105
GRIP = {"stiffness": 30000.0, "damping": 1000.0, "spinning_friction": 0.1, "lateral_friction": 1.0}
TIP_GRIP = {"lateral_friction": 1.0, "spinning_friction": 0.001}


def robot() -> Files:
    """The files of the robot, relative to its folder."""
    links = [Link("panda_link0", 2.9, [_shell("link0")], (0, 0, 0.05))]
    joints = []
    for k, (place, angles, limits, mass, centre) in enumerate(ARM, start=1):
        links.append(Link(f"panda_link{k}", mass, [_shell(f"link{k}")], centre))
        joints.append(
            Joint(
                f"panda_joint{k}", "revolute", f"panda_link{k - 1}", f"panda_link{k}", place, angles, (0, 0, 1), limits
            )
        )
    return model("panda_longer_finger", [*links, *_hand_links()], [*joints, *_hand_joints()], folder="")


def _hand_links() -> list[Link]:
    return [
        Link("panda_link8"),
        Link("panda_hand", 0.81, [_shell("hand")], (0, 0, 0.04)),
        Link("panda_leftfinger", 0.1, [_finger(1.0)], (0, 0.01, 0.02), {"friction_anchor": None, **GRIP}),
        Link("panda_rightfinger", 0.1, [_finger(-1.0)], (0, -0.01, 0.02), {"friction_anchor": None, **GRIP}),
        Link("panda_grasptarget"),
        Link("gripper_cam", 0.2),
        Link("tcp", 0.00001),
        Link("finger_left_tip", 0.0001, [_pad()], contact=TIP_GRIP),
        Link("finger_right_tip", 0.0001, [_pad()], contact=TIP_GRIP),
    ]


def _hand_joints() -> list[Joint]:
    """In the order that gives PyBullet's joint numbers of the original: fingers 9 and 11, camera 14, tool point 15."""
    slide = (0.0, 0.04, 20.0, 0.2)
    hand, left, right = "panda_hand", "panda_leftfinger", "panda_rightfinger"
    return [
        Joint("panda_joint8", "fixed", "panda_link7", "panda_link8", (0, 0, 0.107)),
        Joint("panda_hand_joint", "fixed", "panda_link8", hand, turn=(0, 0, -math.pi / 4)),
        Joint("panda_finger_joint1", "prismatic", hand, left, (0, 0, 0.0584), axis=(0, 1, 0), limits=slide),
        Joint("panda_finger_joint2", "prismatic", hand, right, (0, 0, 0.0584), axis=(0, -1, 0), limits=slide),
        Joint("panda_grasptarget_hand", "fixed", hand, "panda_grasptarget", (0, 0, 0.105)),
        Joint("camera_joint", "fixed", hand, "gripper_cam", (-0.1, 0, 0), (1.3, 0, -1.57)),
        Joint("tcp_joint", "fixed", hand, "tcp", (0, 0, 0.14)),
        Joint("joint_finger_tip_left", "fixed", left, "finger_left_tip", (0.0009, 0.021, 0.066), (0, 0, -1.57)),
        Joint("joint_finger_tip_right", "fixed", right, "finger_right_tip", (-0.0009, -0.021, 0.066), (0, 0, 1.57)),
    ]


def _shell(name: str) -> Part:
    return Part(SILVER, read_mesh(arm_folder() / f"{name}.obj"))


def _finger(side: float) -> Part:
    shape = meshes.prism(FINGER, -FINGER_HALF_WIDTH, FINGER_HALF_WIDTH).moved(quat=ALONG_X)
    return Part(DARK, shape if side > 0 else shape.moved(quat=turn("z", math.pi)))


def _pad() -> Part:
    return box(PAD, (0.0161, -0.0092, 0.0047), (0.0201, 0.0093, 0.0297))


def arm_folder() -> Path:
    """PyBullet's simplified meshes of the arm.

    Raises:
        MissingExtraError: PyBullet is not installed.
    """
    spec = importlib.util.find_spec("pybullet_data")
    if spec is None or spec.origin is None:
        raise MissingExtraError("calvin", "pybullet")
    return Path(spec.origin).parent / "franka_panda" / "meshes" / "collision"


def read_mesh(path: Path) -> meshes.Mesh:
    """Triangles of an OBJ file, flat shaded, without texture coordinates."""
    words = [line.split() for line in path.read_text().splitlines() if line.strip()]
    points = np.array([[float(x) for x in word[1:4]] for word in words if word[0] == "v"])
    corners = [[int(c.split("/")[0]) - 1 for c in word[1:]] for word in words if word[0] == "f"]
    triangles = np.array([[face[0], face[k], face[k + 1]] for face in corners for k in range(1, len(face) - 1)])
    vertices = points[triangles]
    normals = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    corner = np.arange(vertices.shape[0] * 3)
    uvs = np.zeros((len(corner), 2))
    return meshes.Mesh(vertices.reshape(-1, 3), np.repeat(normals, 3, axis=0), uvs, corner.reshape(-1, 3))
