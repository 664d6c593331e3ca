"""Checkpoints: a folder (or hub repository) with `model.safetensors` and `card.json`, and strict loading.

Shared by teacher and student. Nothing here runs code from a checkpoint: tensors come from safetensors, or from
`torch.load(weights_only=True)`; every problem is one `VvlaError` that names the file or the tensors.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vvla_policies.errors import MissingExtraError, VvlaError

_log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
CARD = "card.json"
BUNDLED = Path(__file__).parent / "checkpoints"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint is; stands beside its tensors as `card.json`.

    Attributes:
        architecture: "teacher" or "student".
        preset: the preset it grew from ("seer-mini", "vita-1.5-7b" ...).
        config: the whole configuration of the network, enough to build it.
        benchmark: "libero" or "calvin": whose actions it predicts.
        trained_on: the assets it was trained on, "official" or "primitive"; None when unknown.
        inputs: `Inputs` as plain data: picture size and orientation, convention of the state.
        execution: `Execution` as plain data: the settings it is meant to be run with.
        normalisation: pixel mean and std, action scaling: whatever was done to numbers before the network.
        data: what it was trained on and how (suites, episodes, steps, seed, losses ...).
        parents: name to source of the checkpoints it grew from or needs ("teacher", "vision", "text" ...).
    """

    architecture: str
    preset: str
    config: Mapping[str, Any]
    benchmark: str | None = None
    trained_on: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `card.json`."""
        return asdict(self)


# --- folders and the hub --------------------------------------------------------------------------------------------


def save_pretrained(folder: str | Path, tensors: Mapping[str, Tensor], card: ModelCard) -> Path:
    """Writes a checkpoint; each file is whole or absent, whenever the process may stop.

    Args:
        folder: made if absent; an older checkpoint in it is replaced.
        tensors: name to tensor, any dtype and device; none may share memory with another.
        card: what they are.

    Returns:
        The folder.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as work:
        save_file(plain, Path(work, WEIGHTS), metadata={"format": "pt"})
        Path(work, CARD).write_text(json.dumps(card.to_json(), indent=2) + "\n")
        Path(work, WEIGHTS).replace(folder / WEIGHTS)
        Path(work, CARD).replace(folder / CARD)
    return folder


def average_pretrained(sources: Sequence[str | Path], folder: str | Path) -> Path:
    """Writes the mean of checkpoints that grew from one another (model soup, arXiv 2203.05482).

    Args:
        sources: folders or hub ids of two or more checkpoints of this package, of one shape.
        folder: gets the mean, in the precision of the last, and the last one's card, which names all of them.

    Returns:
        The folder.

    Raises:
        VvlaError: fewer than two, or they differ in more than their values.
    """
    if len(sources) < 2:
        raise VvlaError("an average needs two checkpoints or more")
    cards, found = [load_card(source) for source in sources], [read_tensors(source) for source in sources]
    last = found[-1]
    for source, card, tensors in zip(sources, cards, found, strict=True):
        if (card.architecture, card.benchmark) != (cards[-1].architecture, cards[-1].benchmark):
            raise VvlaError(f"{source} is a {card.architecture} for {card.benchmark}, unlike {sources[-1]}")
        problems = misfits(last, tensors)
        if problems:
            raise VvlaError(f"{source} has another shape than {sources[-1]}: {'; '.join(problems)}")
    means = {
        name: torch.stack([tensors[name].float() for tensors in found]).mean(dim=0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in last.items()
    }
    told = {**cards[-1].data, "averaged": [fingerprint(tensors) for tensors in found]}
    return save_pretrained(folder, means, replace(cards[-1], data=told))


def bundled(architecture: str, benchmark: str) -> Path | None:
    """The folder of the mini checkpoint that comes with this package, None if there is none.

    Args:
        architecture: "teacher", "student" or a baseline's ("act" ...).
        benchmark: "libero" or "calvin".
    """
    folder = BUNDLED / f"{architecture}-mini-{benchmark}"
    return folder if (folder / WEIGHTS).exists() else None


def locate(source: str | Path, files: Sequence[str] = ("*.safetensors", "*.json")) -> Path:
    """The file or folder behind a path or a hub id ("owner/name" or "owner/name@revision", fetched once, cached).

    Raises:
        VvlaError: neither there nor on the hub, or the hub cannot be reached.
    """
    path = Path(source).expanduser()
    if path.exists():
        return path
    if not _HUB_ID.fullmatch(str(source)):
        raise VvlaError(f"no checkpoint at '{source}': no such file or folder, and no hub id (owner/name)")
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", "huggingface_hub") from error
    name, _, revision = str(source).partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=list(files)))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise VvlaError(f"no folder '{source}', and the hub does not give it: {reason}") from error


def load_card(source: str | Path) -> ModelCard:
    """Reads the card of a checkpoint made by `save_pretrained`.

    Raises:
        VvlaError: there is none, or it is broken.
    """
    path = locate(source) / CARD
    try:
        told = json.loads(path.read_text())
        return ModelCard(**{f.name: told[f.name] for f in fields(ModelCard) if f.name in told})
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VvlaError(f"no {CARD} in {path.parent}: not a checkpoint folder of this package") from error
    except (OSError, ValueError, TypeError) as error:
        raise VvlaError(f"{path} is broken: {str(error).splitlines()[0]}") from error


# --- tensors --------------------------------------------------------------------------------------------------------


def read_tensors(source: str | Path, wrapper: str | None = None) -> dict[str, Tensor]:
    """All tensors of a checkpoint on the CPU: a `.safetensors` file, a folder of such (shards), or a `torch.save` file.

    Args:
        source: file, folder or hub id.
        wrapper: in a `torch.save` file, the key under which the tensors lie, if it has that key.

    Raises:
        VvlaError: the file is truncated, no checkpoint, or would need code to be run to open it.
    """
    path = locate(source)
    if path.is_dir():
        tensors: dict[str, Tensor] = {}
        for file in weight_files(path):
            tensors |= read_tensors(file)
        return tensors
    read = _read_safetensors if path.suffix == ".safetensors" else _read_torch
    found = read(path)
    inner = found.get(wrapper, found) if wrapper else found
    if not isinstance(inner, Mapping) or not all(isinstance(v, Tensor) for v in inner.values()):
        raise VvlaError(f"{path} holds no flat table of tensors; its keys: {listing(str(k) for k in found)}")
    return dict(inner)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's tensors: what its index names, else all safetensors, else `pytorch_model.bin`.

    Raises:
        VvlaError: there are none, or one that the index names is absent.
    """
    index = folder / f"{WEIGHTS}.index.json"
    if index.is_file():
        try:
            files = sorted({folder / name for name in json.loads(index.read_text())["weight_map"].values()})
        except (ValueError, KeyError, AttributeError) as error:
            raise VvlaError(f"{index} is broken: {str(error).splitlines()[0]}") from error
    else:
        files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model.bin"))
    absent = [file.name for file in files if not file.is_file()]
    if absent or not files:
        raise VvlaError(f"{folder} lacks {listing(absent) if absent else WEIGHTS}")
    return files


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise VvlaError(f"{path} is truncated or no safetensors file: {str(error).splitlines()[0]}") from error


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch raises anything from EOFError to KeyError on a bad file
        raise VvlaError(
            f"{path} cannot be read ({type(error).__name__}): truncated, or it holds more than tensors"
        ) from error
    if not isinstance(found, dict):
        raise VvlaError(f"{path} holds a {type(found).__name__}, not a table of tensors")
    return found


def fit(module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path, optional: Sequence[str] = ()) -> None:
    """Loads tensors into a module, all of them and by name.

    Args:
        module: parameters and persistent buffers are the names that must be there.
        tensors: name to tensor; cast to the module's dtype, copied.
        source: what the error calls them.
        optional: prefixes of names that may be absent and then keep their value.

    Raises:
        VvlaError: tensors are missing, unknown or of another shape; names them.
    """
    own = module.state_dict()
    problems = misfits(own, tensors, optional)
    if problems:
        raise VvlaError(f"{source} does not fit {type(module).__name__}: {'; '.join(problems)}")
    module.load_state_dict(dict(tensors), strict=False)


def fit_common(module: nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Loads what fits by name and shape into a module of other sizes; says which of its tensors keep their value.

    Args:
        module: see `fit`.
        tensors: likewise.
        source: what the message calls them.

    Raises:
        VvlaError: nothing fits.
    """
    own = module.state_dict()
    common = {n: t for n, t in tensors.items() if n in own and own[n].shape == t.shape}
    if not common:
        raise VvlaError(f"{source} has nothing that fits {type(module).__name__}")
    module.load_state_dict(common, strict=False)
    if new := [n for n in own if n not in common]:
        _log.warning("%d of %d tensors do not fit %s and begin anew: %s", len(new), len(own), source, listing(new))


def misfits(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], optional: Sequence[str] = ()) -> list[str]:
    """What keeps tensors from fitting, as phrases: missing, unknown, and of another shape; empty when they fit."""
    missing = [n for n in own if n not in tensors and not n.startswith(tuple(optional))]
    unknown = [n for n in tensors if n not in own]
    both = [n for n in own if n in tensors and own[n].shape != tensors[n].shape]
    shapes = [f"{n} is {list(tensors[n].shape)} instead of {list(own[n].shape)}" for n in both]
    named = (("missing", missing), ("unknown", unknown), ("wrong shape", shapes))
    return [f"{len(names)} {kind}: {listing(names)}" for kind, names in named if names]


def listing(names: Iterable[str], most: int = 8) -> str:
    """Names on one line, the first `most` of them.

    >>> listing("abcde", most=2)
    'a, b and 3 more'
    """
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def warn_of_random_weights(policy: str) -> None:
    """Says once, where the user sees it, that a policy knows nothing."""
    _log.warning("policy '%s' has random weights: name trained ones with --checkpoint", policy)


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Twelve hexadecimal digits that stand for names, dtypes, shapes and values (`PolicyCard.weights`)."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]
