"""What results are called, where they go, and what is written of one photo."""

from __future__ import annotations

# Paths are asked for by os.path: Path.is_file and its like raise for a name that is too long, and
# for a folder that may not be entered. Here such a path is no file; the reader finds the words.
# ruff: noqa: PTH110, PTH113
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from resilver.batch.paths import recognised, stem_of
from resilver.errors import OptionError
from resilver.photofile.formats import FALLBACK_SUFFIX, FORMATS, RAW_SUFFIXES, WRITABLE_FORMATS

ReportKind = Literal["html", "json"]
_REPORT_KINDS: tuple[ReportKind, ...] = get_args(ReportKind)


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
        return folder / f"{stem_of(source)}{self.suffix}{self.extension or _extension(source)}"

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
                    target.with_name(f"{stem_of(source)}-colour{seed}{self.suffix}{target.suffix}"),
                    self._reports(target, f"{stem}-colour{seed}"),
                    seed,
                )
                for seed in further
            ),
        )

    def _reports(self, target: Path, stem: str) -> tuple[tuple[ReportKind, Path], ...]:
        def path(kind: ReportKind) -> Path:
            return target.with_name(f"{stem}_report.{kind}")

        # One that is there would go on telling of the result that is replaced.
        kinds: tuple[ReportKind, ...] = tuple(
            kind
            for kind in _REPORT_KINDS
            if kind in self.reports or (self.overwrite and os.path.lexists(path(kind)))
        )
        return tuple((kind, path(kind)) for kind in kinds)


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
    suffix = source.suffix.lower()
    named = WRITABLE_FORMATS.get(suffix, "raw" if suffix in RAW_SUFFIXES else "gif")
    return recognised(source) or named
