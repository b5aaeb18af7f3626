"""Where in a picture a fill has to look: around the damage, not at all that is sound."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Area

Mask = NDArray[np.bool_]

BLOCK_PX = 32  # what is damaged is told block by block: specks close together are one thing
MARGIN_PX = 64  # that a fill sees around damage, at least
LEAST_PX = 256  # ... and the side of all that it sees


@dataclass(frozen=True)
class Window:
    """A part of a picture that is filled by itself."""

    core: Area  # all damage in it belongs to this window; cores do not overlap
    view: Area  # what is looked at for it: the core and what surrounds it

    @property
    def place(self) -> Area:
        """The core within the view."""
        core, view = self.core, self.view
        return Area(
            core.top - view.top,
            core.bottom - view.top,
            core.left - view.left,
            core.right - view.left,
        )


def windows_around(damaged: Mask) -> list[Window]:
    """The least work that fills all of (H, W), True = damaged; in no order, none without damage.

    A window shows `MARGIN_PX` around its damage and `LEAST_PX` a side, as far as there is so much.
    """
    size = (damaged.shape[0], damaged.shape[1])
    windows = [_window(core, size) for core in _groups(damaged)]
    while True:
        # Two windows whose damage may interlock, or that are no less work than one around both.
        pair = next((pair for pair in combinations(windows, 2) if _are_one(*pair, size)), None)
        if pair is None:
            break
        joined = _window(_around(pair[0].core, pair[1].core), size)
        windows = [window for window in windows if window not in pair]
        windows.append(joined)
    whole = Area(0, size[0], 0, size[1])
    much = sum(_work(window.view) for window in windows) >= _work(whole)
    return [Window(whole, whole)] if much and windows else windows


def _groups(damaged: Mask) -> list[Area]:
    """Bounding boxes (in pixels) of the connected groups of damaged blocks."""
    height, width = damaged.shape
    rows, columns = np.nonzero(damaged)
    down, across = -(-height // BLOCK_PX), -(-width // BLOCK_PX)
    blocks = np.zeros((down, across), np.uint8)
    blocks[rows // BLOCK_PX, columns // BLOCK_PX] = 1
    _count, _labels, stats, _centres = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    return [
        Area(
            int(top) * BLOCK_PX,
            min(int(top + tall) * BLOCK_PX, height),
            int(left) * BLOCK_PX,
            min(int(left + wide) * BLOCK_PX, width),
        )
        for left, top, wide, tall, _size in stats[1:]
    ]


def _window(core: Area, size: tuple[int, int]) -> Window:
    top, bottom = _widened(core.top, core.bottom, size[0])
    left, right = _widened(core.left, core.right, size[1])
    return Window(core, Area(top, bottom, left, right))


def _widened(start: int, end: int, length: int) -> tuple[int, int]:
    """A span of [0, length) with the margin around [start, end)."""
    margin = max(MARGIN_PX, (LEAST_PX - (end - start) + 1) // 2)
    # What the edge of the picture takes off one side is added on the other.
    wide = end - start + 2 * margin
    start = max(min(start - margin, length - wide), 0)
    return start, min(start + wide, length)


def _are_one(first: Window, second: Window, size: tuple[int, int]) -> bool:
    one, other = first.core, second.core
    above, below = max(one.top, other.top), min(one.bottom, other.bottom)
    before, after = max(one.left, other.left), min(one.right, other.right)
    if above < below and before < after:
        return True
    joined = _window(_around(one, other), size)
    return _work(joined.view) <= _work(first.view) + _work(second.view)


def _around(one: Area, other: Area) -> Area:
    return Area(
        min(one.top, other.top),
        max(one.bottom, other.bottom),
        min(one.left, other.left),
        max(one.right, other.right),
    )


def _work(area: Area) -> int:
    return (area.bottom - area.top) * (area.right - area.left)
