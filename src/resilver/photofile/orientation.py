"""How the pixels of a file come to stand upright.

Reference: Exif 3.0 (CIPA DC-008), Orientation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resilver.photofile.vips_runtime import Samples


@dataclass(frozen=True)
class Turn:
    """What an orientation asks for, in this order."""

    swapped: bool  # rows become columns
    mirrored: bool  # left and right change places
    flipped: bool  # top and bottom change places

    def __bool__(self) -> bool:
        return self.swapped or self.mirrored or self.flipped

    @classmethod
    def of(cls, orientation: int) -> Turn:
        """Of an orientation 1-8; any other number asks for nothing."""
        return cls(
            orientation in (5, 6, 7, 8), orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
        )

    def pixels(self, stored: Samples) -> Samples:
        """Pixels (H, W) or (H, W, C) upright; a copy only where needed."""
        view = stored.swapaxes(0, 1) if self.swapped else stored
        if self.mirrored:
            view = view[:, ::-1]
        if self.flipped:
            view = view[::-1]
        return np.ascontiguousarray(view)

    def size(self, stored: tuple[float, float]) -> tuple[float, float]:
        """(width, height), or any other pair along the two axes, of what stands upright."""
        return (stored[1], stored[0]) if self.swapped else stored

    def stored_size(self, upright: tuple[int, ...]) -> tuple[int, int]:
        """The (height, width) of what stands upright in this one, as stored."""
        height, width = upright
        return (width, height) if self.swapped else (height, width)

    def point(self, stored: tuple[float, float], size: tuple[float, float]) -> tuple[float, float]:
        """Where a point (x, y) of the stored picture lies upright.

        Args:
            size: (width, height) of the stored picture, in the unit of the point.
        """
        (x, y), (width, height) = self.size(stored), self.size(size)
        return (width - x if self.mirrored else x, height - y if self.flipped else y)
