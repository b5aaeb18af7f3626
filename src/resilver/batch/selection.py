"""Which files a run takes, and where each result goes: decided before any photo is decoded.

The rules, in the order in which they are asked:

- A file that is named is always taken; whether it is a photo shows when it is opened.
- A folder is searched with its sub-folders, those behind links too, each once. What does not look
  like an image by its suffix, or, where it has none, by its first bytes, and hidden files, are left
  aside and counted; what ends in the result suffix is a result of an earlier run and is skipped;
  what is named twice is taken once, and so is a photo that links lead to as well: under its own
  name, if that is met.
- The output folder must not lie inside a folder that is searched: results would lie among the
  scans, and the next run would take them for scans. (The folder itself is allowed: that is the
  same as naming none, and results are told apart by their suffix. A link that leads to a folder
  around the output is skipped.)
- A result ends like its scan, unless the scan's first bytes tell another format than its name:
  then it ends like that format, so that neither depth nor alpha is lost to a wrong name.
- Where two scans would have one result, the scan that ends like it comes first.
- No result replaces a scan of the run, another result of the run, or, without `overwrite`, any
  file that is already there. A photo out of a folder whose result is there, and is no older than
  the scan, is done: running the same command again goes on where it was stopped. One that was named
  is refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from resilver.batch.naming import Assignment, Naming
from resilver.batch.paths import by_what_they_are_called, called, identity, real, stem_of
from resilver.batch.searching import Refusal, find_photos, is_foreign, looks_like_an_image


class Done(NamedTuple):
    """A photo out of a folder, and its result, which is there."""

    source: Path
    target: Path
    missing: tuple[Path, ...] = ()  # files that were asked for besides, and are not there


@dataclass(frozen=True)
class Selection:
    """What a run will do."""

    assignments: tuple[Assignment, ...]
    refusals: tuple[Refusal, ...]
    results: tuple[Path, ...]  # skipped: results of earlier runs
    done: tuple[Done, ...]  # skipped
    twins: tuple[tuple[Path, Path], ...]  # skipped: links, and the photo each leads to as well
    round_links: tuple[Path, ...]  # skipped: links to folders that hold the output folder
    ignored: int  # files in folders that are no images


def select(paths: list[Path], naming: Naming) -> Selection:
    """Finds the photos under `paths` (files and folders) and names their results."""
    found = find_photos(paths, naming)
    refusals = list(found.refusals)
    assignments: list[Assignment] = []
    taken: dict[str, Path] = {}  # identity of a file to write -> the source it comes from
    done: list[Done] = []
    named = {real(path) for path in paths}
    # A scan is not replaced, nor is a link to one.
    scans = {identity(name) for path, _ in found.photos for name in (path, real(path))}
    # RAW and JPEG of one shot share a name: their reports must not, restored together or not.
    targets = [(path, naming.target(path, below)) for path, below in found.photos]
    stems = Counter(_stem(path, target) for path, target in targets)
    beside = cache(by_what_they_are_called)  # of many photos of one folder it is read once
    # A result that ends like its scan comes before one that another scan only falls back to.
    for path, target in sorted(targets, key=lambda pair: pair[0].suffix != pair[1].suffix):
        shared = stems[_stem(path, target)] > 1 or (
            real(path) in named and _has_namesake(path, beside(path.parent))
        )
        stem = path.name if shared else stem_of(path)
        results = naming.results(path, target, stem)
        writes = [file for result in results for file in result.files]
        assignment = Assignment(path, results)
        if is_foreign(path):  # never read: nothing comes of it, and nothing that is there is its
            assignments.append(assignment)
            continue
        reason = _obstacle(writes, scans, taken)
        there = [] if naming.overwrite else [file for file in writes if os.path.lexists(file)]
        # Of a photo that has colours already there is one result only. Its reports are called after
        # its stem alone if it was restored before another scan of that stem came.
        always = (results[0], naming.results(path, target, stem_of(path))[0])
        finished = (
            not naming.overwrite
            and real(path) not in named
            and any(all(os.path.lexists(file) for file in result.files) for result in always)
        )
        stale = finished and _is_older(target, path)
        if reason is not None:
            refusals.append(Refusal(path, reason))
            continue
        if there and (stale or not finished):
            age = "is older than the scan" if stale else "is already there"
            reason = f"its result {there[0]} {age}; overwrite it with --overwrite"
            refusals.append(Refusal(path, reason, assignment))
            continue
        taken.update((identity(file), path) for file in writes)
        if finished:
            missing = tuple(file for file in writes if not os.path.lexists(file))
            done.append(Done(path, target, missing))
        else:
            assignments.append(assignment)
    order = {path: place for place, (path, _target) in enumerate(targets)}
    assignments.sort(key=lambda one: order[one.source])
    return Selection(
        tuple(assignments),
        tuple(refusals),
        found.results,
        tuple(done),
        found.twins,
        found.round_links,
        found.ignored,
    )


def _stem(path: Path, target: Path) -> str:
    # Not the stem itself: that of "..png" is a dot, which is no name of a file.
    return identity(target.with_name(f"{stem_of(path)}_"))


def _has_namesake(path: Path, beside: Mapping[str, list[Path]]) -> bool:
    """Whether another image of its folder is called like it, but for the ending."""
    others = (other for other in beside.get(called(path), ()) if other.name != path.name)
    return any(map(looks_like_an_image, others))


def _obstacle(writes: list[Path], scans: set[str], taken: dict[str, Path]) -> str | None:
    """Why these files must never be written; None where they may."""
    for file in writes:
        written = identity(file)
        if written in scans:
            return f"its result {file} would replace a scan; choose another suffix or folder"
        if written in taken:
            return f"its result {file} would replace that of {taken[written]}"
    return None


def _is_older(result: Path, scan: Path) -> bool:
    """Whether the scan was written after its result: then it is another one."""
    try:
        return result.stat().st_mtime < scan.stat().st_mtime
    except OSError:
        return False
