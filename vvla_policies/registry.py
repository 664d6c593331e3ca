"""Finding policies and suites by name: this package's own, those of installed packages, and `package.module:Name`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vvla_policies.errors import MissingExtraError, PolicyError, UnknownNameError, VvlaError
from vvla_policies.policy import Policy

POLICIES = "vvla_policies.policies"
SUITES = "vvla_policies.suites"


def names(group: str) -> list[str]:
    """The names that installed packages (this one among them) offer in an entry-point group."""
    return sorted({point.name for point in entry_points(group=group)})


def load_policy(name: str, **options: Any) -> Policy:
    """Builds a policy.

    Args:
        name: an installed policy ("random"), the class or function to call, as "package.module:Name", the address of a
            policy that is served ("ws://host:port"), or a LeRobot checkpoint ("lerobot:PATH_OR_HUB_ID").
        **options: handed to it; those with value None are left out, so that its own defaults apply.

    Returns:
        A policy with its card checked.

    Raises:
        UnknownNameError: no such policy.
        MissingExtraError: it needs a package that is not installed.
        PolicyError: it does not take one of the options, lacks one that it needs, or is no `Policy`.
    """
    name, first = _address(name)
    build = find(POLICIES, name, "policy")
    given = first | {key: value for key, value in options.items() if value is not None}
    _check_options(name, build, given)
    policy = build(**given)
    if not isinstance(policy, Policy):
        raise PolicyError(f"'{name}' gave a {type(policy).__name__}; a policy subclasses vvla_policies.Policy")
    return policy


def find(group: str, name: str, kind: str) -> Any:
    """The object behind a name, imported only now.

    Args:
        group: entry-point group, `POLICIES` or `SUITES`.
        name: a name in that group, or "package.module:Name".
        kind: what the error calls it.
    """
    points = [point for point in entry_points(group=group) if point.name == name]
    if points:
        return _load(points[0])
    if ":" in name:
        return _load(EntryPoint(name=name, value=name, group=group))
    raise UnknownNameError(kind, name, names(group), hint=f"Your own: --{kind} package.module:Name")


def _address(name: str) -> tuple[str, dict[str, str]]:
    """A policy's name, and the option that the user wrote into it.

    >>> _address("ws://localhost:8000")
    ('vvla_policies.serving.client:RemotePolicy', {'url': 'ws://localhost:8000'})
    >>> _address("lerobot:org/act_libero")
    ('lerobot', {'checkpoint': 'org/act_libero'})
    >>> _address("my.module:Policy")
    ('my.module:Policy', {})
    """
    scheme, _, rest = name.partition(":")
    if scheme in ("ws", "wss"):
        return "vvla_policies.serving.client:RemotePolicy", {"url": name}
    if scheme == "lerobot" and rest:
        return scheme, {"checkpoint": rest}
    return name, {}


def _load(point: EntryPoint) -> Any:
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        if error.name and point.module.startswith(error.name):
            raise VvlaError(f"'{point.name}': there is no module '{error.name}' on the Python path") from error
        raise MissingExtraError("all", str(error.name)) from error
    found: Any = module
    for part in point.attr.split("."):
        if not hasattr(found, part):
            raise VvlaError(f"'{point.name}': module '{point.module}' has no '{part}'")
        found = getattr(found, part)
    return found


def _check_options(name: str, build: Callable[..., Any], given: dict[str, Any]) -> None:
    try:
        parameters = inspect.signature(build).parameters
    except ValueError:  # some built-in classes have none
        return
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [p.name for p in parameters.values() if p.default is p.empty and p.kind in named and p.name not in given]
    if needed:
        raise PolicyError(f"policy '{name}' needs {' and '.join(f'--option {option}=...' for option in needed)}")
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    extra = sorted(set(given) - set(parameters))
    if extra:
        takes = ", ".join(parameters) or "none"
        raise PolicyError(f"policy '{name}' takes no option {extra}; it takes: {takes}")
