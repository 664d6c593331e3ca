"""A teacher's features of all windows, made once: what a student is aligned with when pictures do not change."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vvla_policies.distill.data.batches import CachedWindows, Reading, tensors
from vvla_policies.distill.networks import Learner, weights_of
from vvla_policies.distill.objectives import teacher_features
from vvla_policies.distill.telling import Note
from vvla_policies.errors import RecordError
from vvla_policies.teacher.network import Seer

BATCH = 64


def cached_features(windows: CachedWindows, teacher: Learner, cache: Path, note: Note) -> NDArray[np.float16]:
    """The teacher's action features of every window, from the file where they are kept, which is made if need be.

    Args:
        windows: what the student learns from; the reading named "teacher_" is the teacher's, and is no longer needed.
        teacher: in evaluation mode.
        cache: folder of all such files.
        note: hears of what is being made.

    Returns:
        float16 (len(windows), history, chunk, width), memory-mapped.

    Raises:
        RecordError: the file cannot be written.
    """
    seer = teacher.network
    assert isinstance(seer, Seer)
    plain = windows.with_readings([Reading(teacher.inputs)])
    windows.drop_reading("teacher_")
    key = json.dumps([weights_of(teacher), teacher.card.inputs, plain.identity()], sort_keys=True)
    path = cache / f"features-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy"
    if not path.exists():
        note(f"the teacher's features of {len(plain)} windows")
        _make(path, plain, seer)
    features: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return features


@torch.inference_mode()
def _make(path: Path, windows: CachedWindows, seer: Seer) -> None:
    shape = (len(windows), windows.windows.history, seer.config.chunk, seer.config.hidden)
    device: Any = next(seer.parameters()).device
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as room:
            work = Path(room, path.name)
            target = np.lib.format.open_memmap(work, "w+", dtype=np.float16, shape=shape)
            for start in range(0, len(windows), BATCH):
                numbers = range(start, min(start + BATCH, len(windows)))
                batch = {name: value.to(device) for name, value in tensors(windows.__getitems__(numbers)).items()}
                target[start : numbers.stop] = teacher_features(seer, batch, windows.instructions).action.cpu().numpy()
            target.flush()
            work.replace(path)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another --cache"
        ) from error
