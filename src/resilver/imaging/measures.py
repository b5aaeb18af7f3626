"""Measures: how near a restored photo is to the truth, and how well damage was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

TOLERANCE_PX = 2.0
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def mean_square_error(first: Picture, second: Picture, mask: Mask | None = None) -> float:
    """Mean squared difference of two pictures (H, W, C), over the pixels of `mask` (H, W) if given.

    Raises:
        OptionError: shapes that do not go together, or a mask without a pixel.
    """
    from skimage.metrics import mean_squared_error  # noqa: PLC0415 (0.3 s to import)

    _check_pair(first, second)
    if mask is not None:
        if mask.shape != first.shape[:2] or mask.dtype != np.bool_:
            raise OptionError(f"the mask is {mask.shape} {mask.dtype}, the picture {first.shape}")
        if not mask.any():
            raise OptionError("there is nothing to measure inside an empty mask")
        first, second = first[mask], second[mask]
    return float(mean_squared_error(first, second))


def psnr(first: Picture, second: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1]; infinite where they are equal.

    All channels count alike. With a mask (H, W), only the pixels where it is True count.

    Raises:
        OptionError: as `mean_square_error`.
    """
    return decibels(mean_square_error(first, second, mask))


def decibels(error: float) -> float:
    """A mean squared error on [0, 1] as PSNR in dB; infinite for 0."""
    return float("inf") if error == 0.0 else -10.0 * float(np.log10(error))


SSIM_WINDOW_PX = 11


def ssim(first: Picture, second: Picture) -> float:
    """Structural similarity of the luma (ITU-R BT.601), 1 where the pictures are equal.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
    Similarity" (2004), with their 11x11 Gaussian window of sigma 1.5.

    Args:
        first: (H, W, 3) float32 in [0, 1], at least 11 px each way.
        second: the same shape.

    Raises:
        OptionError: shapes that do not go together, or a picture too small for the window.
    """
    from skimage.metrics import structural_similarity  # noqa: PLC0415 (0.3 s to import)

    _check_pair(first, second)
    if min(first.shape[:2]) < SSIM_WINDOW_PX:
        raise OptionError(f"SSIM looks at 11x11 px; the picture is {first.shape[:2]}")
    similarity = structural_similarity(
        first @ LUMA,
        second @ LUMA,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(np.asarray(similarity))


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1, each 0..1."""

    precision: float  # share of what was found that is there
    recall: float  # share of what is there that was found
    f1: float  # their harmonic mean


@dataclass(frozen=True)
class Agreement:
    """Pixel counts of found and true damage; counts of several photos add up with `+`."""

    found: int  # pixels found
    found_right: int  # of those, within the tolerance of a true pixel
    true: int  # true pixels
    true_found: int  # of those, within the tolerance of a found pixel

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.found + other.found,
            self.found_right + other.found_right,
            self.true + other.true,
            self.true_found + other.true_found,
        )

    @property
    def scores(self) -> Scores:
        """The scores of these counts.

        Where nothing is found, nothing found is wrong (precision 1); where nothing is there,
        nothing is missed (recall 1).
        """
        precision = self.found_right / self.found if self.found else 1.0
        recall = self.true_found / self.true if self.true else 1.0
        both = precision + recall
        return Scores(precision, recall, 2.0 * precision * recall / both if both else 0.0)


def agreement(found: Mask, truth: Mask, tolerance_px: float = TOLERANCE_PX) -> Agreement:
    """Counts, for one photo, how well the damage found agrees with the true damage.

    Args:
        found: (H, W), True = called damaged.
        truth: (H, W), True = damaged.
        tolerance_px: pixels match within a disc of this radius (Euclidean distance).

    Raises:
        OptionError: shapes that do not go together.
    """
    if found.shape != truth.shape or found.dtype != np.bool_ or truth.dtype != np.bool_:
        raise OptionError(
            f"masks are boolean and of one size, not {found.shape} {found.dtype} "
            f"and {truth.shape} {truth.dtype}"
        )
    return Agreement(
        found=int(np.count_nonzero(found)),
        found_right=int(np.count_nonzero(found & _within(truth, tolerance_px))),
        true=int(np.count_nonzero(truth)),
        true_found=int(np.count_nonzero(truth & _within(found, tolerance_px))),
    )


def f1_with_tolerance(found: Mask, truth: Mask, tolerance_px: float = TOLERANCE_PX) -> Scores:
    """Precision, recall and F1 of the damage found in one photo; arguments as `agreement`."""
    return agreement(found, truth, tolerance_px).scores


def pooled_scores(photos: Iterable[Agreement]) -> Scores:
    """Scores of a set, all its pixels counted together: heavily damaged photos weigh more."""
    return sum(photos, Agreement(0, 0, 0, 0)).scores


def mean_scores(photos: Iterable[Agreement]) -> Scores:
    """Mean of every photo's own scores: each photo weighs the same.

    Raises:
        OptionError: no photos.
    """
    scores = [photo.scores for photo in photos]
    if not scores:
        raise OptionError("a mean needs at least one photo")
    precision, recall, f1 = np.mean([(s.precision, s.recall, s.f1) for s in scores], axis=0)
    return Scores(float(precision), float(recall), float(f1))


def balanced_accuracy(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> float:
    """Mean of the share of true cases called so and of false ones called so; 0.5 is chance.

    Args:
        truth: (N,), what is.
        called: (N,), what was said.

    Raises:
        OptionError: arrays of different length, or all cases alike in truth.
    """
    if truth.shape != called.shape or truth.ndim != 1:
        raise OptionError(f"as many calls as cases, not {called.shape} for {truth.shape}")
    if truth.all() or not truth.any():
        raise OptionError("balanced accuracy needs true and false cases")
    truth, called = truth.astype(np.bool_), called.astype(np.bool_)
    return float((called[truth].mean() + (~called[~truth]).mean()) / 2.0)


def _within(mask: Mask, distance_px: float) -> Mask:
    """The pixels no farther than this from a True pixel."""
    if not mask.any():
        return np.zeros_like(mask)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away) <= distance_px + 1e-4


def _check_pair(first: Picture, second: Picture) -> None:
    if first.shape != second.shape or first.ndim != 3:
        raise OptionError(f"two pictures (H, W, C) of one size, not {first.shape}, {second.shape}")
