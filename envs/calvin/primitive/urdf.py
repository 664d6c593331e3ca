"""URDF models from a few parts: text, meshes and textures, the same bytes every time. Lengths in m, before scaling."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vvla_policies.envs.libero.primitive import meshes, paint
from vvla_policies.envs.libero.primitive.mjcf import document, element
from vvla_policies.envs.libero.primitive.rotations import ORIGIN, Vec3

Files = dict[str, bytes]
Rgb = tuple[float, float, float]
ALONG_X = (0.5, 0.5, 0.5, 0.5)
"""Turns x, y, z into y, z, x: a prism's outline (y, z) is extended along x."""

WHITE: Rgb = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Look:
    """How a surface looks.

    Attributes:
        name: of its files.
        colour: in [0, 1].
        texture: painted on it, if any.
    """

    name: str
    colour: Rgb = WHITE
    texture: paint.Pixels | None = None


@dataclass(frozen=True)
class Part:
    """A piece of a link, in the link's frame.

    Attributes:
        look: how it looks.
        mesh: what it looks like; convex where it is solid.
        box: centre and half lengths if it is a box, which collides as one.
        solid: whether it collides.
        seen: whether it is drawn.
    """

    look: Look
    mesh: meshes.Mesh
    box: tuple[Vec3, Vec3] | None = None
    solid: bool = True
    seen: bool = True


@dataclass(frozen=True)
class Link:
    """A link.

    Attributes:
        name: of the link.
        mass: kg; 0 stands still.
        parts: what it is made of.
        centre: of mass.
        contact: contact parameters by URDF name ("lateral_friction", ...; None for one without a value).
    """

    name: str
    mass: float = 0.0
    parts: Sequence[Part] = ()
    centre: Vec3 = ORIGIN
    contact: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Joint:
    """A joint of a child link with its parent.

    Attributes:
        name: of the joint.
        kind: "fixed", "prismatic" or "revolute".
        parent: name of the link.
        child: name of the link.
        place: of the child in the parent.
        turn: roll, pitch, yaw of the child in the parent, rad.
        axis: in the child's frame.
        limits: lowest and highest position (m or rad), effort, velocity.
    """

    name: str
    kind: str
    parent: str
    child: str
    place: Vec3 = ORIGIN
    turn: Vec3 = ORIGIN
    axis: Vec3 | None = None
    limits: tuple[float, float, float, float] | None = None


def box(look: Look, low: Vec3, high: Vec3, seen: bool = True) -> Part:
    """A box between two corners."""
    centre = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    half = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
    return Part(look, meshes.box(half).moved(centre), (centre, half), seen=seen)  # type: ignore[arg-type]


def wedge(look: Look, outline: Sequence[tuple[float, float]], low: float, high: float) -> Part:
    """A convex outline (y, z), counter-clockwise, extended along x from `low` to `high`."""
    return Part(look, meshes.prism(outline, low, high).moved(quat=ALONG_X))


def model(name: str, links: Sequence[Link], joints: Sequence[Joint] = (), folder: str = "../") -> Files:
    """The files of a model, relative to the folder of its URDF file.

    Args:
        name: of the model and of its URDF file.
        links: all links.
        joints: all joints.
        folder: where `meshes` and `textures` go.
    """
    files: Files = {}
    root = element("robot", name=name)
    root.extend(_link(link, folder, files) for link in links)
    root.extend(_joint(joint) for joint in joints)
    return {f"{name}.urdf": document(root), **files}


def _link(link: Link, folder: str, files: Files) -> ET.Element:
    made = element("link", name=link.name)
    if link.contact:
        made.append(element("contact", *(element(key, value=value) for key, value in link.contact.items())))
    inertia = element("inertia", ixx=0.1, ixy=0, ixz=0, iyy=0.1, iyz=0, izz=0.1)  # PyBullet works out its own
    origin = element("origin", xyz=link.centre, rpy=ORIGIN)
    made.append(element("inertial", origin, ET.Element("mass", {"value": f"{link.mass:.9g}"}), inertia))
    seen = [part for part in link.parts if part.seen]
    for look in dict.fromkeys(part.look.name for part in seen):
        made.append(_visual(link, [part for part in seen if part.look.name == look], folder, files))
    for number, part in enumerate(part for part in link.parts if part.solid):
        made.append(_collision(link, number, part, folder, files))
    return made


def _visual(link: Link, parts: Sequence[Part], folder: str, files: Files) -> ET.Element:
    look, path = parts[0].look, f"{folder}meshes/{link.name}_{parts[0].look.name}"
    material = f"newmtl {look.name}\nKd 1 1 1\n"
    if look.texture is not None:
        material += f"map_Kd ../textures/{look.name}.png\n"
        files[f"{folder}textures/{look.name}.png"] = paint.png(look.texture)
    header = f"mtllib {link.name}_{look.name}.mtl\nusemtl {look.name}\n"
    files[f"{path}.obj"] = (header + meshes.merge([part.mesh for part in parts]).obj()).encode()
    files[f"{path}.mtl"] = material.encode()
    colour = element("material", element("color", rgba=(*look.colour, 1.0)), name=look.name)
    return element("visual", element("geometry", element("mesh", filename=f"{path}.obj")), colour)


def _collision(link: Link, number: int, part: Part, folder: str, files: Files) -> ET.Element:
    if part.box is not None:
        centre, half = part.box
        shape = element("box", size=tuple(2 * h for h in half))
        return element("collision", element("origin", xyz=centre, rpy=ORIGIN), element("geometry", shape))
    path = f"{folder}meshes/{link.name}_solid_{number}.obj"
    files[path] = part.mesh.obj().encode()
    return element("collision", element("geometry", element("mesh", filename=path)))


def _joint(joint: Joint) -> ET.Element:
    made = element("joint", name=joint.name, type=joint.kind)
    made.append(element("origin", xyz=joint.place, rpy=joint.turn))
    made.extend([element("parent", link=joint.parent), element("child", link=joint.child)])
    if joint.axis is not None:
        made.append(element("axis", xyz=joint.axis))
    if joint.limits is not None:
        lower, upper, effort, velocity = joint.limits
        made.append(element("limit", lower=lower, upper=upper, effort=effort, velocity=velocity))
    return made
