"""Which files a run takes, and where each result goes: decided before any photo is decoded.

The rules, in the order in which they are asked:

- A file that is named is always taken; whether it is a photo shows when it is opened.
- A folder is searched with its sub-folders, those behind links too, each once. What does not look
  like an image by its suffix, and hidden files, are left aside and counted; what ends in the result
  suffix is a result of an earlier run and is skipped; what is named twice is taken once, and so is
  a photo that links lead to as well.
- The output folder must not lie inside a folder that is searched: results would lie among the
  scans, and the next run would take them for scans. (The folder itself is allowed: that is the
  same as naming none, and results are told apart by their suffix.)
- A result ends like its scan, unless the scan's first bytes tell another format than its name:
  then it ends like that format, so that neither depth nor alpha is lost to a wrong name.
- No result replaces a scan of the run, another result of the run, or, without `overwrite`, any
  file that is already there. A photo out of a folder whose result is there, and is no older than
  the scan, is done: running the same command again goes on where it was stopped. One that was named
  is refused.
"""

from __future__ import annotations

# Paths are asked for by os.path: Path.is_file and its like raise for a name that is too long, and
# for a folder that may not be entered. Here such a path is no file; the reader finds the words.
# ruff: noqa: PTH110, PTH112, PTH113
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resilver.errors import OptionError, PhotoError
from resilver.photofile.formats import (
    FALLBACK_SUFFIX,
    FORMATS,
    RAW_SUFFIXES,
    READABLE_SUFFIXES,
    WRITABLE_FORMATS,
    recognise_format,
)

ReportKind = Literal["html", "json"]

# Images that are not read: taken from folders all the same, so that the person hears about them.
_OTHER_IMAGE_SUFFIXES = frozenset({".bmp", ".jp2", ".j2k", ".jxl", ".psd", ".heics", ".exr"})
_IMAGE_SUFFIXES = READABLE_SUFFIXES | _OTHER_IMAGE_SUFFIXES
_HEAD_BYTES = 512  # of a file, from which its format is told
_CASE_MATTERS = sys.platform not in ("win32", "darwin")


@dataclass(frozen=True)
class Naming:
    """What results are called and where they go."""

    folder: Path | None = None  # None = beside each source
    suffix: str = "_restored"  # put after the name
    extension: str | None = None  # ".png"; None = that of the source's format
    reports: tuple[ReportKind, ...] = ()
    overwrite: bool = False
    seeds: tuple[int, ...] = ()  # of colourings to choose from; the first is the result

    def __post_init__(self) -> None:
        if self.extension is not None and self.extension.lower() not in WRITABLE_FORMATS:
            known = ", ".join(sorted(suffix.lstrip(".") for suffix in WRITABLE_FORMATS))
            raise OptionError(
                f"results cannot be written as {self.extension.lstrip('.')!r}; there are: {known}"
            )
        if any(separator in self.suffix for separator in ("/", "\\", "\0")):
            raise OptionError(f"a suffix is part of a file name, {self.suffix!r} is not")
        if self.folder is None:
            return
        if os.path.isfile(self.folder):
            raise OptionError(f"the output {self.folder} is a file, not a folder")
        like_a_photo = self.folder.suffix.lower() in WRITABLE_FORMATS
        if like_a_photo and not os.path.exists(self.folder):
            raise OptionError(
                f"the output {self.folder} is called like a photo, but names a folder; "
                "what results are called is decided by the suffix and the extension"
            )

    def target(self, source: Path, below: Path) -> Path:
        """Where the result of `source` goes; reads its first bytes.

        Args:
            below: the source's folder relative to the folder that was searched; "." for a file
                that was named.
        """
        folder = source.parent if self.folder is None else self.folder / below
        return folder / f"{source.stem}{self.suffix}{self.extension or _extension(source)}"

    def results(self, source: Path, target: Path, stem: str) -> tuple[Result, ...]:
        """What is written of `source`: its result `target`, then further colourings of it.

        Args:
            stem: what reports are called after, before what tells colourings apart.
        """
        first, *further = self.seeds or (None,)
        return (
            Result(target, self._reports(target, stem), first),
            *(
                Result(
                    target.with_name(f"{source.stem}-colour{seed}{self.suffix}{target.suffix}"),
                    self._reports(target, f"{stem}-colour{seed}"),
                    seed,
                )
                for seed in further
            ),
        )

    def _reports(self, target: Path, stem: str) -> tuple[tuple[ReportKind, Path], ...]:
        kinds = dict.fromkeys(self.reports)
        return tuple((kind, target.with_name(f"{stem}_report.{kind}")) for kind in kinds)


@dataclass(frozen=True)
class Result:
    """One restored photo to be written, and the reports of it."""

    target: Path
    reports: tuple[tuple[ReportKind, Path], ...] = ()
    seed: int | None = None  # of its colours, where several colourings are asked for

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.target, *(report for _, report in self.reports))


@dataclass(frozen=True)
class Assignment:
    """One photo to restore, and what will be written."""

    source: Path
    results: tuple[Result, ...]  # the first one always; the others are further colourings

    @property
    def target(self) -> Path:
        return self.results[0].target


@dataclass(frozen=True)
class Refusal:
    """A file or folder that cannot be taken."""

    path: Path
    reason: str  # without the file's name
    waiting: Assignment | None = None  # what would be done with `overwrite`, where that is all

    @property
    def words(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Selection:
    """What a run will do."""

    assignments: tuple[Assignment, ...]
    refusals: tuple[Refusal, ...]
    results: tuple[Path, ...]  # skipped: results of earlier runs
    # Skipped: photos out of folders, and the results of theirs that are there.
    done: tuple[tuple[Path, Path], ...]
    twins: tuple[tuple[Path, Path], ...]  # skipped: links, and the photo each leads to as well
    ignored: int  # files in folders that are no images


@dataclass(frozen=True)
class Found:
    """What the paths given come to."""

    photos: tuple[tuple[Path, Path], ...]  # (file, its folder below the one that was searched)
    refusals: tuple[Refusal, ...]
    results: tuple[Path, ...]  # left out: results of earlier runs
    twins: tuple[tuple[Path, Path], ...]  # left out: links, and the photo each leads to as well
    ignored: int  # files in folders that are no images


def find_photos(paths: list[Path], naming: Naming) -> Found:
    """The photos under `paths` (files and folders), each once."""
    search = _Search(naming)
    for path in paths:
        if os.path.isdir(path):
            search.folder(path)
        else:
            search.take(path, Path())
    return Found(
        tuple(search.photos.values()),
        tuple(search.refusals),
        tuple(search.results),
        tuple(search.twins),
        search.ignored,
    )


def select(paths: list[Path], naming: Naming) -> Selection:
    """Finds the photos under `paths` (files and folders) and names their results."""
    found = find_photos(paths, naming)
    refusals = list(found.refusals)
    assignments: list[Assignment] = []
    taken: dict[str, Path] = {}  # identity of a file to write -> the source it comes from
    done: list[tuple[Path, Path]] = []
    named = {_real(path) for path in paths}
    # A scan is not replaced, nor is a link to one.
    scans = {_identity(name) for path, _ in found.photos for name in (path, _real(path))}
    # RAW and JPEG of one shot share a name: their reports must not.
    targets = [(path, naming.target(path, below)) for path, below in found.photos]
    stems = Counter(_stem(path, target) for path, target in targets)
    for path, target in targets:
        stem = path.name if stems[_stem(path, target)] > 1 else path.stem
        results = naming.results(path, target, stem)
        writes = [file for result in results for file in result.files]
        reason = _obstacle(writes, scans, taken)
        there = [] if naming.overwrite else [file for file in writes if os.path.lexists(file)]
        # Of a photo that has colours already there is one result only. Its reports are called after
        # its stem alone if it was restored before another scan of that stem came.
        always = (results[0], naming.results(path, target, path.stem)[0])
        finished = (
            not naming.overwrite
            and _real(path) not in named
            and any(all(os.path.lexists(file) for file in result.files) for result in always)
        )
        stale = finished and _is_older(target, path)
        assignment = Assignment(path, results)
        if reason is not None:
            refusals.append(Refusal(path, reason))
            continue
        if there and (stale or not finished):
            age = "is older than the scan" if stale else "is already there"
            reason = f"its result {there[0]} {age}; overwrite it with --overwrite"
            refusals.append(Refusal(path, reason, assignment))
            continue
        taken.update((_identity(file), path) for file in writes)
        if finished:
            done.append((path, target))
        else:
            assignments.append(assignment)
    return Selection(
        tuple(assignments), tuple(refusals), found.results, tuple(done), found.twins, found.ignored
    )


class _Search:
    """Collects photos; what is met twice is taken once."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.photos: dict[Path, tuple[Path, Path]] = {}  # by the file behind links
        self.refusals: list[Refusal] = []
        self.results: list[Path] = []
        self.twins: list[tuple[Path, Path]] = []
        self.ignored = 0

    def take(self, path: Path, below: Path) -> None:
        taken, _ = self.photos.setdefault(_real(path), (path, below))
        if _identity(taken) != _identity(path):
            self.twins.append((path, taken))

    def folder(self, folder: Path) -> None:
        """Takes the photos of a folder and its sub-folders, in the order of their names."""
        if self._holds_output(folder):
            return
        empty = True
        for path in self._files(folder):
            if path.name.startswith(".") or path.suffix.lower() not in _IMAGE_SUFFIXES:
                self.ignored += 1
                continue
            empty = False
            if self.naming.suffix and path.stem.endswith(self.naming.suffix):
                self.results.append(path)
            else:
                self.take(path, path.parent.relative_to(folder))
        if empty:
            self.refusals.append(Refusal(folder, "no photos were found in this folder"))

    def _files(self, folder: Path) -> Iterator[Path]:
        """Folders behind links come after all others, so that a photo keeps its own place."""
        output = self.naming.folder
        seen: set[Path] = set()  # each real folder once: links may lead round in circles
        if output is not None and _real(output) != _real(folder):
            seen.add(_real(output))  # what lies there are results
        waiting = [folder]
        while waiting:
            for place, folders, names in os.walk(waiting.pop(0), onerror=self._refuse):
                here = Path(place)
                if _real(here) in seen:
                    folders.clear()
                    continue
                seen.add(_real(here))
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                links = [here / name for name in folders if (here / name).is_symlink()]
                waiting.extend(link for link in links if not self._holds_output(link))
                yield from (here / name for name in sorted(names))

    def _holds_output(self, folder: Path) -> bool:
        """Whether the output folder lies inside this one, which then is refused."""
        output = self.naming.folder
        if output is None or _real(folder) not in _real(output).parents:
            return False
        reason = (
            f"the output folder {output} lies inside it; choose one outside, "
            "or none to write beside the photos"
        )
        self.refusals.append(Refusal(folder, reason))
        return True

    def _refuse(self, error: OSError) -> None:
        reason = f"the folder cannot be read ({error.strerror})"
        self.refusals.append(Refusal(Path(os.fsdecode(error.filename)), reason))


def _stem(path: Path, target: Path) -> str:
    # Not the stem itself: that of "..png" is a dot, which is no name of a file.
    return _identity(target.with_name(f"{path.stem}_"))


def _obstacle(writes: list[Path], scans: set[str], taken: dict[str, Path]) -> str | None:
    """Why these files must never be written; None where they may."""
    for file in writes:
        identity = _identity(file)
        if identity in scans:
            return f"its result {file} would replace a scan; choose another suffix or folder"
        if identity in taken:
            return f"its result {file} would replace that of {taken[identity]}"
    return None


def _extension(source: Path) -> str:
    """The ending of a result: the scan's own where that is what the scan is."""
    form = _format(source)
    if WRITABLE_FORMATS.get(source.suffix.lower()) == form:
        return source.suffix
    # Not written: RAW has 16 bits to keep, GIF has not.
    return FALLBACK_SUFFIX[form] if form in FALLBACK_SUFFIX else FORMATS[form].suffixes[0]


def _format(source: Path) -> str:
    """The format of a photo by its first bytes; by its name where they cannot be read or tell none.

    What is no photo at all counts as a GIF: an image that is not written.
    """
    try:
        if os.path.isfile(source):  # a pipe would keep us waiting
            with source.open("rb", buffering=0) as file:
                return recognise_format(source, file.read(_HEAD_BYTES))
    except (OSError, PhotoError):
        pass
    suffix = source.suffix.lower()
    return WRITABLE_FORMATS.get(suffix, "raw" if suffix in RAW_SUFFIXES else "gif")


def _is_older(result: Path, scan: Path) -> bool:
    """Whether the scan was written after its result: then it is another one."""
    try:
        return result.stat().st_mtime < scan.stat().st_mtime
    except OSError:
        return False


def _real(path: Path) -> Path:
    """The file behind links; a path of no file stands for itself."""
    return Path(os.path.realpath(path))


def _identity(path: Path) -> str:
    """The same for two names of one file to be."""
    real = str(_real(path.parent) / path.name)
    return real if _CASE_MATTERS else real.casefold()
