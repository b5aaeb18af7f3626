"""What a path stands for: the file behind links, the same file by two names, what is in it."""

from __future__ import annotations

# Paths are asked for by os.path: Path.is_file and its like raise for a name that is too long, and
# for a folder that may not be entered. Here such a path is no file; the reader finds the words.
# ruff: noqa: PTH100, PTH113, PTH114, PTH208
import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from resilver.errors import PhotoError
from resilver.photofile.formats import recognise_format

_HEAD_BYTES = 512  # of a file, from which its format is told
_CASE_MATTERS = sys.platform not in ("win32", "darwin")


def real(path: Path) -> Path:
    """The file behind links; a path of no file stands for itself."""
    return Path(os.path.realpath(path))


def directness(path: Path) -> tuple[bool, bool]:
    """Greater where a path names the file itself: no link is at its end, then none on its way."""
    return not os.path.islink(path), os.path.abspath(path) == os.path.realpath(path)


def identity(path: Path) -> str:
    """The same for two names of one file to be."""
    return _as_compared(str(real(path.parent) / path.name))


def _as_compared(name: str) -> str:
    return name if _CASE_MATTERS else name.casefold()


def ending_of(path: Path) -> str:
    """As ".jpg"; "" where what follows the last dot is none: "Aunt Mrs. Smith", "12.06.1952"."""
    letters = path.suffix[1:]
    return path.suffix if letters.isalnum() and not letters.isdigit() else ""


def stem_of(path: Path) -> str:
    """The name without its ending."""
    return path.name.removesuffix(ending_of(path))


def called(path: Path) -> str:
    """The same for two names of a folder that only their endings tell apart."""
    return _as_compared(stem_of(path))


def by_what_they_are_called(folder: Path) -> Mapping[str, list[Path]]:
    """The files of a folder by `called`; none of one that cannot be read."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    for path in (folder / name for name in names):
        files[called(path)].append(path)
    return files


def recognised(path: Path) -> str | None:
    """The format of a file by its first bytes; None where they cannot be read or tell none."""
    try:
        if os.path.isfile(path):  # a pipe would keep us waiting
            with path.open("rb", buffering=0) as file:
                return recognise_format(path, file.read(_HEAD_BYTES))
    except (OSError, PhotoError):
        pass
    return None
