"""Brings old photographs back, and says honestly what it changed.

    from resilver import restore

    photo, report = restore("grandmother.tif")
    photo.save("grandmother_restored.tif")

The names below are the public face; everything else may change between releases.
"""

from __future__ import annotations

import os

# Before anything loads ONNX Runtime: it would give each person a number, write down every run in
# the home folder, and send that to its makers. Whoever wants to can still say 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

TYPE_CHECKING = False  # as that of typing, which takes a while to load

if TYPE_CHECKING:
    from resilver.errors import (
        ModelError,
        OptionError,
        PhotoError,
        ResilverError,
    )
    from resilver.imaging.colouring import ColourHint
    from resilver.options import Options
    from resilver.photo import Photo
    from resilver.pipeline import Pipeline, Plan, restore
    from resilver.report import Report
    from resilver.stages.draft import Finding, Measurement
    from resilver.version import __version__

__all__ = [
    "ColourHint",
    "Finding",
    "Measurement",
    "ModelError",
    "OptionError",
    "Options",
    "Photo",
    "PhotoError",
    "Pipeline",
    "Plan",
    "Report",
    "ResilverError",
    "__version__",
    "restore",
]

# Loaded on first use: `import resilver` (and so every start of the command) stays fast, and leaves
# next to no moment in which Ctrl-C meets no guard.
_HOMES = {
    "ColourHint": "resilver.imaging.colouring",
    "Finding": "resilver.stages.draft",
    "Measurement": "resilver.stages.draft",
    "ModelError": "resilver.errors",
    "OptionError": "resilver.errors",
    "Options": "resilver.options",
    "Photo": "resilver.photo",
    "PhotoError": "resilver.errors",
    "Pipeline": "resilver.pipeline",
    "Plan": "resilver.pipeline",
    "Report": "resilver.report",
    "ResilverError": "resilver.errors",
    "__version__": "resilver.version",
    "restore": "resilver.pipeline",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'resilver' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
