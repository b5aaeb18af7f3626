"""A person's own scans as noisy pairs.

Two scans of one print are a Noise2Noise pair (Lehtinen et al., 2018). From a single scan, two
smaller neighbours stand in for it (Huang et al., "Neighbor2Neighbor", 2021): of every 2x2 cell
two adjacent pixels go to one image each. Their content is almost the same, and their noise is
independent, if it is so from pixel to pixel; where it is not (`resilver.train.correlation`), they
are two pixels further apart, of a 4x4 cell.
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
_MOST_GAIN = 1.3  # in contrast, of one scan against the other; what differs by more is no pair
# Between two scans, once whole pixels are taken off: with more of it the second scan is a displaced
# copy, which teaches blur.
_LARGEST_REST_PX = 0.15
_PLAIN = 0.004  # spread below which a channel has nothing to tell contrast by
_SOFT_PX = 1.5  # scans are softened by this before the rest is measured: less of it is then noise
_SURE_PX = 0.05  # standard error of rests that are compared: in an empty sky they say nothing
_LOOK_PX = 1024  # side of what is looked at in each quarter


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
    unpaired: tuple[str, ...] = ()  # one line per pair by name that is taken for two single scans


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
    unpaired: list[str] = []
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
            if pair is None and len(opened) == len(marks) == 2:
                names = " and ".join(path.name for path in paths)
                unpaired.append(
                    f"{names} are copies, or do not lie on each other: taken for two single scans"
                )
    if not pairs and not singles:
        why = f" ({left_out[0]})" if left_out else ""
        raise RecipeError(f"{folder}: no photo in it can be learned from{why}")
    return Scans(tuple(pairs), tuple(singles), tuple(left_out), tuple(unpaired))


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
    the very noise that is to be learned; so scans that are turned, or lie between two pixels, do
    not match either.
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
    exposed = _exposed_alike(first[rows, columns], second[moved_rows, moved_columns])
    if exposed is None:
        return None
    pair = ScanPair(first[rows, columns], exposed)
    return pair if _lie_together(pair) else None


def _exposed_alike(first: Pixels, second: Pixels) -> Pixels | None:
    """The second scan as bright and as rich in contrast, channel by channel, as the first.

    Scanners expose anew at every pass, and pairs of two means would teach that difference. None
    where it is too large to be one of exposure.
    """
    out = np.empty(second.shape, np.float32)
    for channel in range(3):
        one, other = (to_float(scan[..., channel]) for scan in (first, second))
        calm_one, calm_other = (cv2.GaussianBlur(scan, (0, 0), _SOFT_PX) for scan in (one, other))
        # Of spreads, not of a regression: noise would flatten that.
        spreads = float(calm_one.std()), float(calm_other.std())
        gain = 1.0 if max(spreads) < _PLAIN else spreads[0] / max(spreads[1], 1e-6)
        if not 1.0 / _MOST_GAIN <= gain <= _MOST_GAIN:
            return None
        out[..., channel] = (other - calm_other.mean()) * np.float32(gain) + calm_one.mean()
    most = np.iinfo(second.dtype).max
    return np.rint(np.clip(out, 0.0, 1.0) * np.float32(most)).astype(second.dtype)


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    return to_float(pixels).mean(axis=2, dtype=np.float32)


def _lie_together(pair: ScanPair) -> bool:
    """Whether in every quarter the scans lie on each other, as far as what is there tells."""
    height, width = pair.first.shape[:2]
    measured: list[tuple[NDArray[np.float64], float]] = []
    for rows in (slice(height // 2), slice(height // 2, height)):
        for columns in (slice(width // 2), slice(width // 2, width)):
            area = _middle(rows), _middle(columns)
            measured.append(_rest(_soft(pair.first[area]), _soft(pair.second[area])))
    off = any(np.abs(rest).max() > max(_LARGEST_REST_PX, 3.0 * error) for rest, error in measured)
    sure = [rest for rest, error in measured if error < _SURE_PX]
    return not off and (not sure or float(np.ptp(sure, axis=0).max()) <= _LARGEST_REST_PX)


def _middle(span: slice) -> slice:
    spare = max(span.stop - (span.start or 0) - _LOOK_PX, 0) // 2
    return slice((span.start or 0) + spare, span.stop - spare)


def _soft(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(_grey(pixels), (0, 0), _SOFT_PX), np.float32)


def _rest(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """The shift (x, y) px of the second scan against the first, if small, and its standard error.

    Lucas and Kanade, "An Iterative Image Registration Technique" (1981), one step of it.
    """
    if min(first.shape) < 2:
        return np.zeros(2), np.inf
    slopes = [
        np.stack([np.gradient(scan, axis=axis) for axis in (1, 0)]).reshape(2, -1)
        for scan in (first, second)
    ]
    difference = (first - second).ravel().astype(np.float64)
    difference -= difference.mean()
    # The slopes of one scan by those of the other: their noise does not count.
    both = slopes[0] @ slopes[1].T
    power, mean = (both + both.T).astype(np.float64) / 2.0, (slopes[0] + slopes[1]) / 2.0
    if np.linalg.eigvalsh(power)[0] <= 0.0:  # noise alone
        return np.zeros(2), np.inf
    inverse = np.linalg.inv(power)
    shift = inverse @ (mean @ difference)
    left = float(np.square(difference - shift @ mean).mean())
    # Softened noise is alike over so many pixels, which then count as one.
    alike = 4.0 * np.pi * _SOFT_PX**2
    return shift, float(np.sqrt(alike * left * np.diag(inverse).max()))


def cell_px(apart_px: int) -> int:
    """Side of the cells that two pixels so far apart are taken from."""
    return 2 if apart_px == 1 else 4


def neighbours(
    image: NDArray[np.float32], rng: np.random.Generator, apart_px: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Two smaller neighbours of an image (H, W, C), and the choice made.

    H and W are multiples of the cells' side k = `cell_px(apart_px)`; of each cell two pixels that
    lie 1, 2 or 3 px apart in a row or a column go to one image each. The choice (2, H/k, W/k) holds
    the index 0..k*k-1 of the pixel each image took, so that another image can be split the same way
    with `pick`.
    """
    side = cell_px(apart_px)
    height, width = image.shape[0] // side, image.shape[1] // side
    pixels = np.arange(side * side).reshape(side, side)  # of a cell of two: 0 1 / 2 3
    across = np.stack((pixels[:, :-apart_px], pixels[:, apart_px:]), axis=-1).reshape(-1, 2)
    down = np.stack((pixels[:-apart_px], pixels[apart_px:]), axis=-1).reshape(-1, 2)
    ordered = np.concatenate((across, across[:, ::-1], down, down[:, ::-1]))
    choice = np.moveaxis(ordered[rng.integers(0, len(ordered), (height, width))], -1, 0)
    return pick(image, choice[0], side), pick(image, choice[1], side), choice


def pick(
    image: NDArray[np.float32], choice: NDArray[np.intp], side: int = 2
) -> NDArray[np.float32]:
    """Of every cell (side, side) of (H, W, C) the pixel that `choice` (H/side, W/side) names."""
    height, width, channels = choice.shape[0], choice.shape[1], image.shape[2]
    cells = image[: side * height, : side * width].reshape(height, side, width, side, channels)
    cells = cells.transpose(0, 2, 1, 3, 4).reshape(height, width, side * side, channels)
    taken = np.take_along_axis(cells, choice[..., None, None], axis=2)
    return np.ascontiguousarray(taken[:, :, 0])
