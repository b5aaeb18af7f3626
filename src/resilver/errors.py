"""One tree of errors. Everything the library raises on purpose is a `ResilverError`.

ResilverError                 one clear sentence for the person; `str(error)` is that sentence
├── PhotoError                something about one file; has `.path`
│   ├── PhotoMissing          no such file
│   ├── PhotoUnreadable       not an image, truncated, empty, or damaged beyond decoding
│   ├── PhotoUnsupported      an image, but not one we restore (animated, unsupported depth)
│   ├── PhotoTooLarge         more pixels than the limit (decompression bomb guard)
│   ├── PhotoDenied           no permission to read or to write
│   └── PhotoNotWritten       the result could not be written (disk full, bad folder)
│       └── PhotoExists       a file of that name is there already
├── ArrayError                what was given is no array that can be a photo
├── ModelError                a weight file or its card is missing, wrong or does not verify
├── OptionError               an unknown or impossible option (stage name, fill name, strength)
│   └── OptionUnused          an option that would have no effect
├── RecipeError               a training recipe cannot run (no data, bad shard, no torch)
└── ServiceError              the service cannot run (no database, no storage, port taken)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


class ResilverError(Exception):
    """Root of the tree; `str(error)` is one sentence that can be shown to a person."""

    def __reduce__(self) -> tuple[object, ...]:
        # As it is, not made anew of its sentence: what another process raises has to arrive here.
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[ResilverError], words: tuple[object, ...]) -> ResilverError:
    return kind.__new__(kind, *words)


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


class PhotoExists(PhotoNotWritten):
    """A file of that name is there already, and nobody asked to overwrite it.

    Args:
        how: what asks for it, where the error is told.
    """

    def __init__(self, path: Path | str, how: str = "overwrite=True") -> None:
        super().__init__(path, f"the file exists; {how} replaces it")


class ArrayError(ResilverError):
    """What was given is no array that can be a photo: its type, its shape or its values."""


class ModelError(ResilverError):
    """A weight file or its card is missing, wrong, or does not verify."""


class OptionError(ResilverError):
    """An unknown or impossible option."""


class OptionUnused(OptionError):
    """An option that would have no effect, as of a stage that does not run.

    Args:
        option: its name.
        reason: why, with the names of other options in braces ("needs {upscale} 2, 4 or auto").
    """

    def __init__(self, option: str, reason: str) -> None:
        self.option = option
        self.reason = reason
        super().__init__(self.spelled(lambda name: name))

    def spelled(self, spell: Callable[[str], str]) -> str:
        """The sentence, its options written as they are where they were given."""
        return re.sub(r"{(\w+)}", lambda found: spell(found[1]), f"{{{self.option}}} {self.reason}")


class RecipeError(ResilverError):
    """A training recipe cannot run."""


class ServiceError(ResilverError):
    """The service cannot run: its database or its storage is out of reach."""
