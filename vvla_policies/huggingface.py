"""Importing `transformers` on machines where torchvision is installed but does not fit torch."""

from __future__ import annotations

import importlib
import logging
import sys
from types import ModuleType

_log = logging.getLogger(__name__)


def import_transformers() -> ModuleType:
    """The package `transformers`, without torchvision if that cannot be imported.

    `transformers` imports torchvision wherever it is installed, though language models and vision towers need nothing
    of it. Beside a CPU build of torch, torchvision's wheel from PyPI (which LIBERO's packages bring along) fails with
    "operator torchvision::nms does not exist", and all models with it. So it is tried here first, and if it fails,
    marked as absent for this process, in the way the import system offers for this.

    Raises:
        ModuleNotFoundError: `transformers` is not installed.
    """
    if "transformers" not in sys.modules and "torchvision" not in sys.modules:
        try:
            importlib.import_module("torchvision")
        except ModuleNotFoundError:
            pass
        except (ImportError, RuntimeError, OSError, AttributeError) as error:
            _log.debug("torchvision does not fit torch and is left out: %s", error)
            sys.modules["torchvision"] = None  # type: ignore[assignment]
    return importlib.import_module("transformers")
