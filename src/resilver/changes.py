"""What the stages changed: measured stage by stage, in bounded memory."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.enlarging import plainly_enlarged
from resilver.imaging.tiles import Pixels
from resilver.photofile.depth import ONE_LEVEL, widen
from resilver.stages.draft import Mark

_STRIP_PX = 256


@dataclass(frozen=True, eq=False)
class ChangeMap:
    """The largest change of each area of a photo, at the size of the report's pictures."""

    size: tuple[int, int]  # of the photo, (height, width)
    preview: NDArray[np.uint8]  # (h, w): largest change in the area, grey levels of 255

    @classmethod
    def empty(cls, size: tuple[int, int], longest_px: int) -> ChangeMap:
        """Of a photo that nothing has changed; its areas make a picture of at most `longest_px`."""
        return cls(size, np.zeros(_preview_size(size, longest_px), np.uint8))

    def enlarged(self, factor: int, longest_px: int) -> ChangeMap:
        """The same changes of the photo made `factor` times as large."""
        size = factor * self.size[0], factor * self.size[1]
        height, width = _preview_size(size, longest_px)
        preview = cv2.resize(self.preview, (width, height), interpolation=cv2.INTER_NEAREST)
        return ChangeMap(size, np.asarray(preview, np.uint8))

    def add(self, old: Pixels, new: Pixels, marks: NDArray[np.uint8]) -> tuple[float, float]:
        """Notes what changed from `old` to `new`, both (H, W, 3); sets `Mark.CHANGED` in marks.

        Where the new picture is larger it is held against the old one plainly enlarged.

        Returns:
            (share of pixels of which a channel moved by more than one grey level of 255, their
            mean absolute change over all channels in grey levels of 255).
        """
        height, width = self.size
        factor = height // old.shape[0]
        changed, total = 0, 0.0
        for top in range(0, height, _STRIP_PX):
            rows = slice(top, min(top + _STRIP_PX, height))
            before = old[rows] if factor == 1 else plainly_enlarged(old, factor, rows)
            apart = np.asarray(cv2.absdiff(widen(before), widen(new[rows])), np.uint16)
            moved = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
            over = moved > ONE_LEVEL
            if not over.any():
                continue
            changed += int(np.count_nonzero(over))
            total += float(apart[over].sum(dtype=np.float64)) / 3
            marks[rows][over] |= np.uint8(Mark.CHANGED)
            levels = (moved // ONE_LEVEL).astype(np.uint8)
            _gather(np.maximum, levels, self.preview, _cells(rows, height, self.preview.shape[0]))
        mean = total / changed / ONE_LEVEL if changed else 0.0
        return changed / (height * width), mean

    def shrink_flag(self, marks: NDArray[np.uint8], flag: Mark) -> NDArray[np.uint8]:
        """(h, w) at preview size: 255 where any pixel of the area carries the flag."""
        return np.where(self.shrink_flags(marks, (flag,)) > 0, np.uint8(255), np.uint8(0))

    def shrink_flags(self, marks: NDArray[np.uint8], flags: tuple[Mark, ...]) -> NDArray[np.uint8]:
        """(h, w) at preview size: every flag that a pixel of the area carries."""
        out = np.zeros_like(self.preview)
        wanted = np.uint8(reduce(operator.or_, map(int, flags)))
        for top in range(0, self.size[0], _STRIP_PX):
            rows = slice(top, min(top + _STRIP_PX, self.size[0]))
            cells = _cells(rows, self.size[0], out.shape[0])
            _gather(np.bitwise_or, marks[rows] & wanted, out, cells)
        return out


def _preview_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """As `Photo.preview` makes it: libvips rounds halves up."""
    scale = min(longest_px / max(size), 1.0)
    return max(int(scale * size[0] + 0.5), 1), max(int(scale * size[1] + 0.5), 1)


def _cells(rows: slice, height: int, cells: int) -> NDArray[np.intp]:
    """The preview row under which each row of the photo falls."""
    return np.arange(rows.start, rows.stop) * cells // height


def _gather(
    join: np.ufunc, strip: NDArray[np.uint8], preview: NDArray[np.uint8], cells: NDArray[np.intp]
) -> None:
    """Joins the strip's pixels with the preview's, by `join`, under which they fall."""
    width = preview.shape[1]
    columns = np.arange(strip.shape[1]) * width // strip.shape[1]
    row_starts = np.flatnonzero(np.diff(cells, prepend=-1))
    joined = join.reduceat(strip, row_starts, axis=0)
    # Along the first axis numpy joins whole rows at once, along the last one pixel at a time.
    across = join.reduceat(joined.T.copy(), np.flatnonzero(np.diff(columns, prepend=-1)), axis=0).T
    touched = slice(cells[0], cells[-1] + 1)
    join(preview[touched], across, out=preview[touched])
