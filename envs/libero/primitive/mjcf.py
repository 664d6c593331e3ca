"""MJCF writing: objects as bodies with collision geoms, visuals, joints and sites (m, kg, rad).

robosuite opens an object's file, takes `worldbody/body/body[@name='object']` and prefixes all names with the
instance's name, so two objects of one category can stand in one scene. Only group-0 (collision) geoms count for the
mass (`inertiagrouprange="0 0"`).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import paint
from .meshes import Mesh
from .parts import Geom, Solid, all_geoms
from .rotations import IDENTITY, ORIGIN, Quat, Vec3

Files = Mapping[str, bytes]
Value = str | float | int | Iterable[float]


def number(value: float) -> str:
    """Shortest text of a number to 6 decimals (1 micrometre), without negative zero."""
    text = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def text(value: Value) -> str:
    """Attribute text of a number, a vector or a string."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return number(value)
    return " ".join(number(v) for v in value)


def element(tag: str, *children: ET.Element, **attributes: Value | None) -> ET.Element:
    """An XML element; attributes that are None are left out, a trailing underscore of a name (`class_`) is dropped."""
    made = ET.Element(tag, {k.rstrip("_"): text(v) for k, v in attributes.items() if v is not None})
    made.extend(children)
    return made


def document(root: ET.Element) -> bytes:
    """Indented UTF-8 XML."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode").encode() + b"\n"


@dataclass(frozen=True)
class Contact:
    """Contact numbers of collision geoms; the defaults are those that all of LIBERO's objects share."""

    friction: tuple[float, ...] = (0.95, 0.3, 0.1)
    solref: tuple[float, ...] = (0.001, 1.0)
    solimp: tuple[float, ...] = (0.998, 0.998, 0.001)
    density: float = 100.0
    condim: int | None = None
    margin: float | None = None

    def attributes(self) -> dict[str, Value | None]:
        """MJCF attributes."""
        return dict(vars(self))


@dataclass(frozen=True)
class Look:
    """A material: an rgba colour, or a painted texture (height, width, 3) uint8 which is multiplied with it."""

    name: str
    rgba: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    pixels: NDArray[np.uint8] | None = None
    specular: float = 0.3
    shininess: float = 0.3
    emission: float | None = None

    def files(self) -> dict[str, bytes]:
        """The texture's PNG, if any."""
        return {} if self.pixels is None else {f"{self.name}.png": paint.png(self.pixels)}

    def elements(self) -> list[ET.Element]:
        """Texture and material."""
        texture = None if self.pixels is None else f"tex-{self.name}"
        material = element(
            "material",
            name=self.name,
            texture=texture,
            rgba=self.rgba,
            specular=self.specular,
            shininess=self.shininess,
            emission=self.emission,
        )
        if texture is None:
            return [material]
        return [element("texture", name=texture, type="2d", file=f"{self.name}.png"), material]


@dataclass(frozen=True)
class Visual:
    """A group-1 mesh geom that touches nothing. `name` names the mesh (and, with `geom_name`, the geom)."""

    name: str
    mesh: Mesh
    look: Look
    geom_name: str | None = None

    def element(self) -> ET.Element:
        """The geom."""
        return element(
            "geom",
            name=self.geom_name,
            type="mesh",
            mesh=self.name,
            material=self.look.name,
            contype=0,
            conaffinity=0,
            group=1,
        )


@dataclass(frozen=True)
class Site:
    """A named site; `attributes` are other MJCF attributes, e.g. rgba."""

    name: str
    pos: Vec3
    size: tuple[float, ...] = (0.005,)
    quat: Quat | None = None
    kind: str | None = None
    rgba: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def element(self) -> ET.Element:
        """The site."""
        return element(
            "site", name=self.name, type=self.kind, pos=self.pos, quat=self.quat, size=self.size, rgba=self.rgba
        )


@dataclass(frozen=True)
class Joint:
    """A joint; MJCF attributes as given."""

    name: str
    kind: str
    axis: Vec3
    range: tuple[float, float] | None = None
    pos: Vec3 | None = None
    damping: float | None = None
    limited: str | None = None
    frictionloss: float | None = None
    stiffness: float | None = None
    armature: float | None = None

    def element(self) -> ET.Element:
        """The joint."""
        return element("joint", **{("type" if k == "kind" else k): v for k, v in vars(self).items()})


@dataclass(frozen=True)
class Inertial:
    """Mass (kg), centre of mass (m) and moments about the body's axes through it (kg m²), instead of the geoms' own."""

    mass: float
    centre: Vec3
    moments: Vec3

    def element(self) -> ET.Element:
        """The inertial element; moments keep nine decimals."""
        made = element("inertial", mass=self.mass, pos=self.centre)
        made.set("diaginertia", " ".join(f"{m:.4e}" for m in self.moments))
        return made


@dataclass(frozen=True)
class Body:
    """A body: solids (collision), visuals, joints, sites, child bodies; `extra`: solids with other contact numbers."""

    name: str = "object"
    solids: tuple[Solid, ...] = ()
    visuals: tuple[Visual, ...] = ()
    sites: tuple[Site, ...] = ()
    joints: tuple[Joint, ...] = ()
    children: tuple[Body, ...] = ()
    pos: Vec3 | None = None
    quat: Quat | None = None
    inertial: Inertial | None = None
    contact: Contact = Contact()
    extra: tuple[tuple[Contact, tuple[Solid, ...]], ...] = ()

    def element(self) -> ET.Element:
        """The body and everything under it."""
        made = element("body", name=self.name, pos=self.pos, quat=self.quat)
        if self.inertial is not None:
            made.append(self.inertial.element())
        made.extend(j.element() for j in self.joints)
        made.extend(v.element() for v in self.visuals)
        made.extend(_collision(g, self.contact) for g in all_geoms(self.solids))
        for contact, solids in self.extra:
            made.extend(_collision(g, contact) for g in all_geoms(solids))
        made.extend(s.element() for s in self.sites)
        made.extend(c.element() for c in self.children)
        return made

    def all_visuals(self) -> list[Visual]:
        """Visuals of this body and of all below it."""
        return list(self.visuals) + [v for c in self.children for v in c.all_visuals()]


def _collision(geom: Geom, contact: Contact) -> ET.Element:
    """A group-0 geom."""
    quat = None if geom.quat == IDENTITY else geom.quat
    pos = None if geom.pos == ORIGIN else geom.pos
    return element(
        "geom",
        type=geom.kind,
        size=geom.size,
        pos=pos,
        quat=quat,
        group=0,
        **contact.attributes(),
        rgba=(0.8, 0.8, 0.8, 0.3),
    )


def bounds(bottom: float, top: float, radius: float) -> tuple[Site, Site, Site]:
    """The three sites robosuite places objects by: heights of bottom and top, and the horizontal radius (m)."""
    return (
        Site("bottom_site", (0.0, 0.0, bottom)),
        Site("top_site", (0.0, 0.0, top)),
        Site("horizontal_radius_site", (radius, radius, 0.0)),
    )


USUAL_BOUNDS = bounds(-0.06, 0.04, 0.025)


@dataclass(frozen=True)
class Model:
    """One object's file: the body named "object" and its bounding sites."""

    name: str
    body: Body
    bounds: tuple[Site, ...] = USUAL_BOUNDS

    def files(self) -> dict[str, bytes]:
        """File name -> content, all for the object's own folder: the MJCF as `<name>.xml`, meshes and textures."""
        visuals = self.body.all_visuals()
        made = {f"{self.name}.xml": document(self.element())}
        made |= {f"{v.name}.obj": v.mesh.obj().encode() for v in visuals}
        for look in _looks(visuals):
            made |= look.files()
        return made

    def element(self) -> ET.Element:
        """The MJCF tree."""
        visuals = self.body.all_visuals()
        asset = element("asset")
        for look in _looks(visuals):
            asset.extend(look.elements())
        asset.extend(element("mesh", name=v.name, file=f"{v.name}.obj") for v in _distinct(visuals))
        outer = element("body", self.body.element(), *(s.element() for s in self.bounds))
        return element("mujoco", asset, element("worldbody", outer), model=self.name)


def _looks(visuals: list[Visual]) -> list[Look]:
    """The different materials in order of first use."""
    return list({v.look.name: v.look for v in visuals}.values())


def _distinct(visuals: list[Visual]) -> list[Visual]:
    """One visual for each mesh name."""
    return list({v.name: v for v in visuals}.values())
