"""The metrics of the suites: how near to the truth, or how far from what was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resilver.evaluate.colours import chroma_error, hue_distance, leak
from resilver.evaluate.faces import perceptual_distances
from resilver.evaluate.values import Metric, Sample, Setting, without_settings
from resilver.imaging.chroma import colourfulness, to_lab
from resilver.imaging.measures import SSIM_WINDOW_PX, Picture, psnr, ssim
from resilver.imaging.resizing import resized

_ONE_LEVEL = 1.0 / 255.0 + 1e-6  # rounding must not count as a change


def _psnr_inside(sample: Sample, picture: Picture) -> float:
    if sample.region is not None and not sample.region.any():
        return float("nan")
    return psnr(picture, sample.true, sample.region)


def _psnr_outside(sample: Sample, picture: Picture) -> float:
    if sample.region is None or sample.region.all():
        return float("nan")
    return psnr(picture, sample.true, ~sample.region)


def _ssim(sample: Sample, picture: Picture) -> float:
    if min(picture.shape[:2]) < SSIM_WINDOW_PX:
        return float("nan")
    return ssim(picture, sample.true)


def _colour_distance(sample: Sample, picture: Picture) -> float:
    from skimage.color import deltaE_ciede2000, rgb2lab  # noqa: PLC0415 (0.3 s to import)

    return float(np.mean(deltaE_ciede2000(rgb2lab(picture), rgb2lab(sample.true))))


def _changed(sample: Sample, picture: Picture) -> float:
    moved = np.abs(picture - sample.given).max(axis=2) > _ONE_LEVEL
    return 100.0 * float(moved.mean())


def _back(sample: Sample, picture: Picture) -> float:
    back = resized(picture, (sample.given.shape[0], sample.given.shape[1]))
    return 255.0 * float(np.sqrt(np.square(back - sample.given).mean()))


def _chroma_error(sample: Sample, picture: Picture) -> float:
    return chroma_error(to_lab(picture), to_lab(sample.true))


def _colourfulness(sample: Sample, picture: Picture) -> float:
    return colourfulness(picture) / colourfulness(sample.true)


def _hues_apart(sample: Sample, picture: Picture) -> float:
    return hue_distance(to_lab(picture), to_lab(sample.true))


def _leak(_sample: Sample, picture: Picture) -> float:
    return leak(to_lab(picture))


def _perceptual(setting: Setting) -> Callable[[Sample, Picture], float]:
    squeezenet = setting.published("squeezenet1_0")

    def measure(sample: Sample, picture: Picture) -> float:
        return perceptual_distances(squeezenet, [picture], sample.true)[0]

    return measure


PSNR = Metric("PSNR", "dB", "larger", without_settings(_psnr_inside))
PSNR_INSIDE = Metric("PSNR inside the damage", "dB", "larger", without_settings(_psnr_inside))
PSNR_OUTSIDE = Metric("PSNR outside of it", "dB", "larger", without_settings(_psnr_outside))
SSIM = Metric("SSIM of luma", "", "larger", without_settings(_ssim), digits=4)
COLOUR_DISTANCE = Metric(
    "mean dE2000", "", "smaller", without_settings(_colour_distance), compared="ratio"
)
BACK = Metric("back", "RMSE of 255", "smaller", without_settings(_back))
CHROMA_ERROR = Metric(
    "chroma error", "mean distance in a*b*", "smaller", without_settings(_chroma_error)
)
COLOURFULNESS = Metric(
    "colourfulness", "of the original's", "nearer to 1", without_settings(_colourfulness)
)
HUES_APART = Metric("hue histograms apart", "0 to 1", "smaller", without_settings(_hues_apart))
LEAK = Metric("leak at edges", "0 to 1", "smaller", without_settings(_leak))
CHANGED = Metric("changed by more than 1/255", "% of pixels", "smaller", without_settings(_changed))
# 1 - cosine of SqueezeNet v1.0's features: not LPIPS, whose weights belong to another network.
PERCEPTUAL = Metric("perceptual distance", "", "smaller", _perceptual, digits=3, compared="ratio")
