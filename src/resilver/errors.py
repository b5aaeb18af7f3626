"""One tree of errors. Everything the library raises on purpose is a `ResilverError`.

ResilverError                 one clear sentence for the person; `str(error)` is that sentence
├── PhotoError                something about one file; has `.path`
│   ├── PhotoMissing          no such file
│   ├── PhotoUnreadable       not an image, truncated, empty, or damaged beyond decoding
│   ├── PhotoUnsupported      an image, but not one we restore (animated, unsupported depth)
│   ├── PhotoTooLarge         more pixels than the limit (decompression bomb guard)
│   ├── PhotoDenied           no permission to read or to write
│   └── PhotoNotWritten       the result could not be written (disk full, exists, bad folder)
├── ModelError                a weight file or its card is missing, wrong or does not verify
├── OptionError               an unknown or impossible option (stage name, fill name, strength)
├── RecipeError               a training recipe cannot run (no data, bad shard, no torch)
└── ServiceError              the service cannot run (no database, no storage, port taken)
"""

from __future__ import annotations

from pathlib import Path


class ResilverError(Exception):
    """Root of the tree; `str(error)` is one sentence that can be shown to a person."""


class PhotoError(ResilverError):
    """Something about one file.

    Args:
        path: the file it is about.
        reason: what is wrong, without the file's name ("the file is empty").
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")


class PhotoMissing(PhotoError):
    """No such file."""


class PhotoUnreadable(PhotoError):
    """Not an image, truncated, empty, or damaged beyond decoding."""


class PhotoUnsupported(PhotoError):
    """An image, but not one that is restored: animated, or of a depth without a display meaning."""


class PhotoTooLarge(PhotoError):
    """More pixels than the limit allows, or than there is memory for.

    Args:
        limited: a limit was in the way, which whoever opens the photo may raise.
    """

    def __init__(self, path: Path | str, reason: str, *, limited: bool = False) -> None:
        self.limited = limited
        super().__init__(path, reason)


class PhotoDenied(PhotoError):
    """No permission to read or to write."""


class PhotoNotWritten(PhotoError):
    """The result could not be written; nothing half-written remains."""


class ModelError(ResilverError):
    """A weight file or its card is missing, wrong, or does not verify."""


class OptionError(ResilverError):
    """An unknown or impossible option."""


class RecipeError(ResilverError):
    """A training recipe cannot run."""


class ServiceError(ResilverError):
    """The service cannot run: its database or its storage is out of reach."""
