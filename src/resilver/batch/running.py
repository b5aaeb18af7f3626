"""Restores the photos of a selection one after another."""

from __future__ import annotations

import errno
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from resilver.batch.naming import Assignment, ReportKind, Result
from resilver.errors import (
    PhotoDenied,
    PhotoError,
    PhotoExists,
    PhotoNotWritten,
    PhotoTooLarge,
    ResilverError,
)
from resilver.photo import DEFAULT_MAX_MEGAPIXELS, Photo
from resilver.photofile.writing import check_place, format_for, write_text
from resilver.report import Report
from resilver.reporting import to_html, to_json
from resilver.reporting.words import printable

BatchProgress = Callable[
    [int, str, float], None
]  # (index of the photo, step, share 0..1 of the photo)

RAISE_LIMIT = "; raise it with --max-megapixels"
"""What a command that has the option says of a photo that is larger than the limit."""

_RENDER: dict[ReportKind, Callable[[Report], str]] = {"html": to_html, "json": to_json}


class Restorer(Protocol):
    """What a batch needs of a pipeline."""

    def enlargement(self, photo: Photo) -> int: ...

    def restore(
        self, photo: Photo, progress: Callable[[str, float], None] | None = None
    ) -> tuple[Photo, Report]: ...

    def choices(
        self,
        photo: Photo,
        seeds: tuple[int, ...],
        progress: Callable[[str, float], None] | None = None,
    ) -> Iterator[tuple[Photo, Report]]: ...


@dataclass(frozen=True)
class Outcome:
    """How one photo ended."""

    source: Path
    target: Path
    seconds: float  # opening, restoring and saving
    report: Report | None  # None where it failed; holds pictures, so let go of it soon
    error: str | None = None  # one sentence naming the file and the reason; None = all is well


@dataclass(frozen=True)
class Summary:
    """How a run ended, in numbers."""

    restored: int = 0  # written, with changes
    unchanged: int = 0  # written as they were
    failed: int = 0
    folders: int = 0  # not searched, or without a photo
    done: int = 0  # not touched: an earlier run restored them
    skipped: int = 0  # results of earlier runs
    twins: int = 0  # links to a photo that is taken by another name
    ignored: int = 0  # files that are no images
    left: int = 0  # not reached when the run was stopped
    seconds: float = 0.0

    def count(self, outcome: Outcome) -> Summary:
        """With one more outcome."""
        if outcome.error is not None or outcome.report is None:
            return replace(self, failed=self.failed + 1)
        if any(record.changed for record in outcome.report.stages):
            return replace(self, restored=self.restored + 1)
        return replace(self, unchanged=self.unchanged + 1)


def restore_each(
    assignments: Iterable[Assignment],
    pipeline: Restorer,
    *,
    overwrite: bool = False,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    progress: BatchProgress = lambda _index, _step, _share: None,
) -> Iterator[Outcome]:
    """Restores and saves each photo, and yields how it ended; what fails does not stop the rest.

    Every file is written whole or not at all. KeyboardInterrupt passes through.
    """
    for index, assignment in enumerate(assignments):
        started = time.perf_counter()
        report: Report | None = None
        error: str | None = None
        try:
            report = _restore_one(
                assignment,
                pipeline,
                overwrite,
                max_megapixels,
                lambda step, share, index=index: progress(index, step, share),
            )
        except Exception as raised:  # a photo that fails must not stop the rest
            error = explain(assignment.source, raised)
        yield Outcome(
            assignment.source, assignment.target, time.perf_counter() - started, report, error
        )


def explain(path: Path, error: Exception) -> str:
    """One sentence naming the file and the reason, whatever was raised over it."""
    if isinstance(error, PhotoExists):
        error = PhotoExists(error.path, "--overwrite")
    if isinstance(error, PhotoError):
        # A result that cannot be written names its own file: say whose result it is.
        words = str(error) if error.path == path else f"{path}: {error}"
        limited = isinstance(error, PhotoTooLarge) and error.limited
        return words + RAISE_LIMIT if limited else words
    if isinstance(error, ResilverError):
        return f"{path}: {error}"
    if isinstance(error, MemoryError):
        return f"{path}: there is not enough memory to restore it"
    places = traceback.extract_tb(error.__traceback__)
    place = f"; {Path(places[-1].filename).name} line {places[-1].lineno}" if places else ""
    words = " ".join(str(error).split())
    return f"{path}: a fault in resilver, please report it ({type(error).__name__}: {words}{place})"


def _restore_one(
    assignment: Assignment,
    pipeline: Restorer,
    overwrite: bool,
    max_megapixels: float,
    progress: Callable[[str, float], None],
) -> Report:
    progress("open", 0.0)

    def part(step: str, share: float) -> None:
        progress(step, 0.02 + 0.9 * share)

    first = assignment.results[0]
    with _all_or_none() as new:
        if len(assignment.results) > 1:
            photo, report = _in_many_colours(
                assignment, pipeline, overwrite, max_megapixels, part, new
            )
        else:
            # Not bound to a name: the pipeline lets go of the pixels as soon as it can.
            photo, report = pipeline.restore(_open(assignment, pipeline, max_megapixels), part)
        progress("save", 0.92)
        _write(first, photo, report, overwrite, new)
    progress("done", 1.0)
    return report


@contextmanager
def _all_or_none() -> Generator[list[Path]]:
    """A list for the new files of one photo: they are taken back where not all could be written.

    A photo without its report, or one colouring of several, would be taken for done or stand in the
    way of the next run.
    """
    new: list[Path] = []
    try:
        yield new
    except BaseException:
        for file in new:
            file.unlink(missing_ok=True)
        raise


def _write(result: Result, photo: Photo, report: Report, overwrite: bool, new: list[Path]) -> None:
    """Writes a photo and its reports within one moment; puts what was not there before into `new`.

    Raises:
        PhotoNotWritten, PhotoDenied: one of them cannot be written.
    """
    texts = [(path, _RENDER[kind](report)) for kind, path in result.reports]
    for path, _ in texts:
        check_place(path, source=None, overwrite=overwrite)
    fresh = [file for file in result.files if not os.path.lexists(file)]
    with _listed(result.target, fresh, new):
        photo.save(result.target, overwrite=overwrite)
    for path, text in texts:
        with _listed(path, fresh, new):
            write_text(path, text, overwrite=overwrite)


@contextmanager
def _listed(path: Path, fresh: list[Path], new: list[Path]) -> Generator[None]:
    """Puts a file that is written here, and was not there before, into `new`."""
    ours = path in fresh
    try:
        yield
    except Exception:  # it was not written: what bears its name now is not ours
        ours = False
        raise
    finally:  # after Ctrl-C as well: it may have had its name already
        if ours:
            new.append(path)


def _in_many_colours(
    assignment: Assignment,
    pipeline: Restorer,
    overwrite: bool,
    max_megapixels: float,
    progress: Callable[[str, float], None],
    new: list[Path],
) -> tuple[Photo, Report]:
    """Writes the further colourings; gives the first, whose report names them."""
    seeds = tuple(result.seed or 0 for result in assignment.results)
    choices = pipeline.choices(_open(assignment, pipeline, max_megapixels), seeds, progress)
    photo, report = next(choices)
    written: list[str] = []
    for result, (other, its_report) in zip(assignment.results[1:], choices, strict=False):
        _write(result, other, its_report, overwrite, new)
        written.append(f"{printable(result.target.name)} (seed {result.seed})")
    if written:
        notice = f"other colourings to choose from: {', '.join(written)}"
        report = replace(report, notices=(*report.notices, notice))
    return photo, report


def _open(assignment: Assignment, pipeline: Restorer, max_megapixels: float) -> Photo:
    """The photo, once its result has a place: what cannot be written is not worked on first."""
    photo = Photo.open(assignment.source, max_megapixels=max_megapixels)
    format_for(assignment.target, pipeline.enlargement(photo) * max(photo.size))
    make_folder(assignment.target.parent)
    return photo


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, and makes sure that files can be made in it.

    Raises:
        PhotoNotWritten, PhotoDenied: it cannot be made, or holds no files of ours.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise PhotoDenied(folder, "no permission to make this folder") from error
    except OSError as error:
        raise PhotoNotWritten(folder, f"cannot be made a folder ({error.strerror})") from error
    try:
        # Tried, not asked: root may write everywhere and still cannot on a read-only disk.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise PhotoDenied(folder, "no permission to write there") from error
        raise PhotoNotWritten(folder, f"cannot be written to ({error.strerror})") from error
