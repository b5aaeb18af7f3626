"""The print that damage is laid on, and the record of which pixel it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.fields import Field, soften, unit

KINDS = ("scratch", "missing", "stain", "dust")

Mode: TypeAlias = Literal["cover", "add", "multiply"]

_OPAQUE = 0.85  # coverage times opacity, beyond which nothing shows through

REFERENCE_PX = 600.0
"""Damage sizes are px of a print whose longest side is this long."""


@dataclass(frozen=True)
class Patch:
    """Coverage in [0, 1] of one mark, in a box that lies wholly inside the print."""

    alpha: Field  # (h, w)
    top: int
    left: int


@dataclass
class Canvas:
    """The pixels being damaged and the marks laid so far; lives for one call of `age`."""

    pixels: NDArray[np.float32]  # (H, W, 3), changed in place
    marks: NDArray[np.uint8]  # (H, W, 4): bits: 1 line or speck, 2 region, 4 opaque part of one
    scale: float  # px of this print per px of a 600 px print
    boldness: float = 1.0  # opacities are raised to the power 1/boldness: 1 as drawn, 4 bold

    @classmethod
    def of(cls, pixels: NDArray[np.float32], scale: float = 1.0, boldness: float = 1.0) -> Canvas:
        """A canvas over a copy of `pixels`, (H, W, 3) in [0, 1]."""
        marks = np.zeros((*pixels.shape[:2], len(KINDS)), np.uint8)
        return cls(pixels.copy(), marks, scale, boldness)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def relative_area(self) -> float:
        """Area in units of a 256x256 photo at scale 1: how much damage has room."""
        height, width = self.shape
        return height * width / (256 * 256 * self.scale * self.scale)

    def place(self, rng: np.random.Generator, margin_px: float = 0.0) -> tuple[float, float]:
        """A random point (x, y), up to `margin_px` outside the print."""
        height, width = self.shape
        return (
            float(rng.uniform(-margin_px, width + margin_px)),
            float(rng.uniform(-margin_px, height + margin_px)),
        )

    def box(
        self, centre: tuple[float, float], half_height: float, half_width: float
    ) -> tuple[int, int, int, int] | None:
        """(top, left, height, width) of a box clipped to the print; None if nothing is left."""
        height, width = self.shape
        top, left = max(0, int(centre[1] - half_height)), max(0, int(centre[0] - half_width))
        bottom = min(height, int(np.ceil(centre[1] + half_height)))
        right = min(width, int(np.ceil(centre[0] + half_width)))
        if bottom - top < 1 or right - left < 1:
            return None
        return top, left, bottom - top, right - left

    def under(self, patch: Patch) -> NDArray[np.float32]:
        """View of the pixels under a patch, (h, w, 3)."""
        height, width = patch.alpha.shape
        return self.pixels[patch.top : patch.top + height, patch.left : patch.left + width]

    def mean_under(self, patch: Patch) -> NDArray[np.float32]:
        """Mean colour under the patch weighed by its coverage, (3,)."""
        under = self.under(patch)
        weight = float(patch.alpha.sum())
        if weight < 1e-3:
            return under.mean(axis=(0, 1))
        return np.asarray(
            [float(np.vdot(under[..., c], patch.alpha)) / weight for c in range(3)], np.float32
        )

    def lay(
        self,
        kind: str,
        patch: Patch,
        colour: NDArray[np.float32],
        opacity: float,
        *,
        mode: Mode = "cover",
        region: bool = False,
        visible_from: float = 0.02,
    ) -> None:
        """Lays one mark and records where it changed the print.

        Args:
            kind: one of `KINDS`.
            patch: where, and how densely.
            colour: (3,) or (h, w, 3): the paint, the amount added, or the transmittance.
            opacity: of the whole mark, in [0, 1].
            mode: `cover` paints over, `add` adds, `multiply` filters the light like a dye.
            region: a filled area: all of it counts once it shows anywhere, not only the pixels
                that happen to differ.
            visible_from: change that counts; higher for soft shading, whose foot no eye can find.
        """
        under = self.under(patch)
        opacity = opacity ** (1 / self.boldness)
        alpha = np.clip(patch.alpha * np.float32(opacity), 0, 1)[..., None]
        if mode == "cover":
            new = under + alpha * (colour - under)
        elif mode == "add":
            new = under + alpha * colour * np.float32(self.boldness**0.5)
        else:
            new = under * (1 - alpha * (1 - colour))
        new = unit(new)
        change = largest_difference(new, under)
        marks = self.marks[
            patch.top : patch.top + change.shape[0], patch.left : patch.left + change.shape[1]
        ]
        layer = marks[..., KINDS.index(kind)]
        if region:
            inside = patch.alpha > 0.5
            if inside.any() and float(change[inside].mean()) > 0.04:
                # What lies under an opaque layer can no longer be seen; where the layer is thin,
                # at its rim or all over, earlier marks still show through.
                opaque = inside & (alpha[..., 0] > _OPAQUE) & (mode == "cover")
                marks[opaque] = 0
                layer |= (inside & ~opaque).view(np.uint8) << 1
                layer |= opaque.view(np.uint8) << 2
        layer |= (change > visible_from).view(np.uint8)
        under[...] = new


def print_scale(shape: tuple[int, ...]) -> float:
    """Px of a print of this shape (height, width) per px of a 600 px print; at least 1."""
    return max(1.0, max(shape[:2]) / REFERENCE_PX)


def largest_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> Field:
    """Largest absolute difference over the channels of two (H, W, 3) images, (H, W)."""
    difference = np.asarray(cv2.absdiff(first, second)).reshape(first.shape)
    return np.maximum(np.maximum(difference[..., 0], difference[..., 1]), difference[..., 2])


def visible_masks(
    marks: NDArray[np.uint8],
    damaged: NDArray[np.float32],
    undamaged: NDArray[np.float32],
    threshold: float,
) -> NDArray[np.uint8]:
    """The masks, (H, W, 4) of 0 and 1: only what a person could see.

    The rule: a pixel touched by any mark counts where the largest channel difference
    between damaged and undamaged print is above twice `threshold`, or, averaged over 3x3 px,
    above `threshold` (a faint pixel counts where its neighbours are faint too). A pixel inside
    a translucent region (stain, smear, the soft rim of a hole: coverage over a half) counts where
    that difference averaged over 11x11 px is above `threshold`; a pixel inside an opaque one (hole,
    blob) where that holds over 41x41 px: the inside of a hole is damage though parts of it happen
    to match.
    """
    difference = largest_difference(damaged, undamaged)
    near = (difference > 2 * threshold) | (cv2.blur(difference, (3, 3)) > threshold)
    masks = (marks != 0).view(np.uint8) & near[..., None].view(np.uint8)
    if (marks & 2).any():
        around = cv2.blur(difference, (11, 11)) > threshold
        masks |= (marks >> 1) & 1 & around[..., None].view(np.uint8)
    if (marks & 4).any():
        around = cv2.blur(difference, (41, 41)) > threshold
        masks |= (marks >> 2) & around[..., None].view(np.uint8)
    return np.asarray(masks, np.uint8)


def emboss(alpha: Field, shift: tuple[int, int], sigma_px: float = 0.0) -> Field:
    """Signed relief of a mark lit from one side, (h, w) in [-1, 1]: bright rim, dark rim."""
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (alpha.shape[1], alpha.shape[0])
    moved = cv2.warpAffine(alpha, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return soften(np.asarray(alpha - moved).reshape(alpha.shape), sigma_px)
