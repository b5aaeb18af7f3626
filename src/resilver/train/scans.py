"""A person's own scans as noisy pairs.

Two scans of one print are a Noise2Noise pair (Lehtinen et al., 2018). From a single scan, two
half-size neighbours stand in for it (Huang et al., "Neighbor2Neighbor", 2021): of every 2x2 cell
two adjacent pixels go to one image each, so their noise is independent and their content almost
the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import PhotoError, PhotoUnsupported, RecipeError
from resilver.imaging.tiles import Pixels, to_float
from resilver.photo import Photo

_MARKS = {"a": "ab", "b": "ab", "1": "12", "2": "12"}  # of two scans of one print
_PAIR_NAME = re.compile(r"^(?P<print>.+?)[-_ ](?P<scan>[ab12])$", re.IGNORECASE)
_LARGEST_SHIFT_PX = 24


@dataclass(frozen=True, eq=False)
class ScanPair:
    """Two scans of one print, aligned: pixels of equal shape (H, W, 3)."""

    first: Pixels
    second: Pixels


@dataclass(frozen=True, eq=False)
class Scans:
    """What a folder holds: pairs, and single scans."""

    pairs: tuple[ScanPair, ...]
    singles: tuple[Pixels, ...]
    left_out: tuple[str, ...]  # one line per file that could not be used


def read_scans(folder: Path, smallest: tuple[int, int] = (1, 1)) -> Scans:
    """Reads every photo below a folder.

    Files `NAME_a` and `NAME_b` (or `_1`, `_2`) of one size are two scans of one print.

    Args:
        smallest: (height, width) in pixels; what is smaller is left out.

    Raises:
        RecipeError: no folder, or no photo in it that can be used.
    """
    if not folder.is_dir():
        raise RecipeError(f"{folder}: not a folder")
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        match = _PAIR_NAME.match(path.stem)
        named = f"{match['print']} {_MARKS[match['scan'].lower()]}" if match else path.name
        groups[path.parent, named].append(path)
    pairs: list[ScanPair] = []
    singles: list[Pixels] = []
    left_out: list[str] = []
    for paths in groups.values():
        opened: list[Pixels] = []
        for path in paths:
            try:
                opened.append(_large_enough(path, smallest))
            except PhotoError as error:
                left_out.append(str(error))
        # Two files of one scan (in two formats, perhaps) have the same noise: no pair.
        marks = {path.stem[-1].lower() for path in paths}
        pair = align(*opened) if len(opened) == len(marks) == 2 else None
        # What two scans have in common may be too small where each of them is not.
        if pair is not None and _fits(pair.first, smallest):
            pairs.append(pair)
        else:
            singles.extend(opened)
    if not pairs and not singles:
        why = f" ({left_out[0]})" if left_out else ""
        raise RecipeError(f"{folder}: no photo in it can be learned from{why}")
    return Scans(tuple(pairs), tuple(singles), tuple(left_out))


def _large_enough(path: Path, smallest: tuple[int, int]) -> Pixels:
    """The pixels of a file.

    Raises:
        PhotoError: it cannot be read, or is too small.
    """
    pixels = Photo.open(path).pixels
    if not _fits(pixels, smallest):
        height, width = smallest
        reason = f"too small to learn from: at least {width} pixels wide and {height} high"
        raise PhotoUnsupported(path, reason)
    return pixels


def _fits(pixels: Pixels, smallest: tuple[int, int]) -> bool:
    return pixels.shape[0] >= smallest[0] and pixels.shape[1] >= smallest[1]


def align(first: Pixels, second: Pixels) -> ScanPair | None:
    """Shifts the second scan onto the first by whole pixels; None where they do not match.

    Nor do copies: they have their noise in common. Whole pixels, because resampling would smooth
    the very noise that is to be learned.
    """
    if first.shape != second.shape or first.dtype != second.dtype or np.array_equal(first, second):
        return None
    grey_first, grey_second = _grey(first), _grey(second)
    window = cv2.createHanningWindow((first.shape[1], first.shape[0]), cv2.CV_32F)
    (shift_x, shift_y), response = cv2.phaseCorrelate(grey_first, grey_second, window)
    if response < 0.05 or max(abs(shift_x), abs(shift_y)) > _LARGEST_SHIFT_PX:
        return None
    x, y = round(shift_x), round(shift_y)
    height, width = first.shape[:2]
    rows, columns = slice(max(-y, 0), height - max(y, 0)), slice(max(-x, 0), width - max(x, 0))
    moved_rows = slice(rows.start + y, rows.stop + y)
    moved_columns = slice(columns.start + x, columns.stop + x)
    return ScanPair(first[rows, columns], second[moved_rows, moved_columns])


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    return to_float(pixels).mean(axis=2, dtype=np.float32)


def neighbours(
    image: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Two half-size neighbours of an image (H, W, C), H and W even, and the choice made.

    The choice (2, H/2, W/2) holds for each cell the index 0..3 of the pixel each image took, so
    that another image can be split the same way with `pick`.
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    # Pixels of a cell: 0 1 / 2 3. Eight ordered pairs of them are adjacent.
    ordered = np.array([[0, 1], [1, 0], [0, 2], [2, 0], [1, 3], [3, 1], [2, 3], [3, 2]])
    choice = np.moveaxis(ordered[rng.integers(0, len(ordered), (height, width))], -1, 0)
    return pick(image, choice[0]), pick(image, choice[1]), choice


def pick(image: NDArray[np.float32], choice: NDArray[np.intp]) -> NDArray[np.float32]:
    """Of every 2x2 cell of (H, W, C) the pixel that `choice` (H/2, W/2) names, 0..3."""
    height, width, channels = choice.shape[0], choice.shape[1], image.shape[2]
    cells = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, channels)
    cells = cells.transpose(0, 2, 1, 3, 4).reshape(height, width, 4, channels)
    taken = np.take_along_axis(cells, choice[..., None, None], axis=2)
    return np.ascontiguousarray(taken[:, :, 0])
