"""Brings old photographs back, and says honestly what it changed.

    from resilver import restore

    photo, report = restore("grandmother.tif")
    photo.save("grandmother_restored.tif")

The names below are the public face; everything else may change between releases.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from resilver.version import __version__

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

# Loaded on first use: `import resilver` (and so every start of the command) stays fast.
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
    "restore": "resilver.pipeline",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'resilver' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
