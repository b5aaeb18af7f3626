"""Which photos lie under the paths given: files, folders, and what links lead to."""

from __future__ import annotations

# Paths are asked for by os.path: Path.is_file and its like raise for a name that is too long, and
# for a folder that may not be entered. Here such a path is no file; the reader finds the words.
# ruff: noqa: PTH112
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resilver.batch.naming import Assignment, Naming
from resilver.batch.paths import directness, ending_of, identity, real, recognised, stem_of
from resilver.photofile.formats import READABLE_SUFFIXES

# Images that are not read: taken from folders all the same, so that the person hears about them.
_OTHER_IMAGE_SUFFIXES = frozenset({".bmp", ".jp2", ".j2k", ".jxl", ".psd", ".heics", ".exr"})
_IMAGE_SUFFIXES = READABLE_SUFFIXES | _OTHER_IMAGE_SUFFIXES


@dataclass(frozen=True)
class Refusal:
    """A file or folder that cannot be taken."""

    path: Path
    reason: str  # without the file's name
    waiting: Assignment | None = None  # what would be done with `overwrite`, where that is all
    folder: bool = False  # it is about a folder, not about a photo

    @property
    def words(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Found:
    """What the paths given come to."""

    photos: tuple[tuple[Path, Path], ...]  # (file, its folder below the one that was searched)
    refusals: tuple[Refusal, ...]
    results: tuple[Path, ...]  # left out: results of earlier runs
    twins: tuple[tuple[Path, Path], ...]  # left out: links, and the photo each leads to as well
    round_links: tuple[Path, ...]  # left out: links to folders that hold the output folder
    ignored: int  # files in folders that are no images


def find_photos(paths: list[Path], naming: Naming) -> Found:
    """The photos under `paths` (files and folders), each once."""
    search = _Search(naming)
    for path in paths:
        if os.path.isdir(path):
            search.folder(path)
        else:
            search.take(path, Path())
    photos = search.photos()
    return Found(
        photos,
        tuple(search.refusals),
        tuple(search.results.values()),
        search.twins(photos),
        tuple(search.round_links),
        len(search.ignored),
    )


class _Search:
    """Collects photos; what is met twice is taken once."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.met: list[tuple[Path, Path]] = []  # photos, as in `Found`, links and all
        self.refusals: list[Refusal] = []
        self.results: dict[str, Path] = {}  # by their identity
        self.round_links: list[Path] = []
        self.ignored: set[str] = set()  # identities

    def take(self, path: Path, below: Path) -> None:
        self.met.append((path, below))

    def photos(self) -> tuple[tuple[Path, Path], ...]:
        """Each photo once: under its own name if that was met, else under the first link to it."""
        chosen: dict[Path, tuple[Path, Path]] = {}  # by the file behind links
        for path, below in self.met:
            file = real(path)
            if file not in chosen or directness(path) > directness(chosen[file][0]):
                chosen.pop(file, None)  # it takes its own place in the order, too
                chosen[file] = (path, below)
        return tuple(chosen.values())

    def twins(self, photos: tuple[tuple[Path, Path], ...]) -> tuple[tuple[Path, Path], ...]:
        """Other names of these photos, each once, and the photo."""
        taken = {real(path): path for path, _ in photos}
        pairs = [(path, taken[real(path)]) for path, _ in self.met]
        others = {
            identity(path): (path, photo)
            for path, photo in pairs
            if identity(path) != identity(photo)
        }
        return tuple(others.values())

    def folder(self, folder: Path) -> None:
        """Takes the photos of a folder and its sub-folders, in the order of their names."""
        if self._holds_output(folder):
            reason = (
                f"the output folder {self.naming.folder} lies inside it; choose one outside, "
                "or none to write beside the photos"
            )
            self.refusals.append(Refusal(folder, reason, folder=True))
            return
        empty, refused = True, len(self.refusals)
        for path in self._files(folder):
            if path.name.startswith(".") or not looks_like_an_image(path):
                self.ignored.add(identity(path))
                continue
            empty = False
            if _is_result(path, self.naming.suffix):
                self.results.setdefault(identity(path), path)
            else:
                self.take(path, path.parent.relative_to(folder))
        if empty and len(self.refusals) == refused:
            reason = "no photos were found in this folder"
            self.refusals.append(Refusal(folder, reason, folder=True))

    def _files(self, folder: Path) -> Iterator[Path]:
        """Folders behind links come after all others, so that a photo keeps its own place."""
        output = self.naming.folder
        seen: set[Path] = set()  # each real folder once: links may lead round in circles
        if output is not None and real(output) != real(folder):
            seen.add(real(output))  # what lies there are results
        waiting = [folder]
        while waiting:
            for place, folders, names in os.walk(waiting.pop(0), onerror=self._refuse):
                here = Path(place)
                if real(here) in seen:
                    folders.clear()
                    continue
                seen.add(real(here))
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                links = [here / name for name in folders if (here / name).is_symlink()]
                self.round_links.extend(link for link in links if self._holds_output(link))
                waiting.extend(link for link in links if not self._holds_output(link))
                yield from (here / name for name in sorted(names))

    def _holds_output(self, folder: Path) -> bool:
        """Whether the output folder lies inside this one."""
        output = self.naming.folder
        return output is not None and real(folder) in real(output).parents

    def _refuse(self, error: OSError) -> None:
        reason = f"the folder cannot be read ({error.strerror})"
        self.refusals.append(Refusal(Path(os.fsdecode(error.filename)), reason, folder=True))


def is_foreign(path: Path) -> bool:
    """Whether a file is an image of a kind that is never read, by its ending and its content."""
    return path.suffix.lower() in _OTHER_IMAGE_SUFFIXES and recognised(path) is None


def _is_result(path: Path, suffix: str) -> bool:
    """Whether a file is called like the result of an earlier run, with this suffix or the usual."""
    return stem_of(path).endswith((Naming.suffix, suffix or Naming.suffix))


def looks_like_an_image(path: Path) -> bool:
    """By its ending; what has none, as many a file from a phone or a web page, by what it is."""
    if ending := ending_of(path):
        return ending.lower() in _IMAGE_SUFFIXES
    return recognised(path) is not None
