"""Wear of a single aligned face: cheap, for millions of samples and for fixed test levels.

What took the detail is undone by a restorer of faces: blur, lost resolution, grain, compression, a
few scratches. Tone is another stage's business: `toned_face` changes face and reference alike.

The order is that of GFP-GAN (Wang et al. 2021): blur, shrink, noise, compression, enlarge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.film import LUMA

Pixels = NDArray[np.float32]

_BLUR_PX = (0.4, 5.0)  # Gaussian sigma at 256 px
_SHRINK = (1.0, 8.0)
_GRAIN = (0.004, 0.06)  # coarser grain has been taken off by the stage `denoise`
_HARDLY_WORN = 0.12  # share of faces that have nothing but a trace of grain


@dataclass(frozen=True)
class FaceWear:
    """What happened to a face; lengths are pixels of the face as it is given."""

    blur_px: float = 0.0  # sigma of the Gaussian
    motion_px: float = 0.0  # length of the streak
    motion_deg: float = 0.0
    shrink: float = 1.0  # times smaller the print was
    grain: float = 0.0  # standard deviation in the mid-tones, colours in [0, 1]
    grain_size: float = 1.0  # pixels of the shrunk face a clump of grain is wide
    coloured: bool = False  # grain that differs between channels: sensor noise, not film
    quality: int | None = None  # of JPEG; None = never compressed
    scratches: int = 0  # light ones: the stage `repair` has been there before

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> FaceWear:
        """A random wear for training on faces of 256 px; some are hardly worn at all."""
        if rng.random() < _HARDLY_WORN:
            return cls(grain=float(rng.uniform(0.0, 0.015)), coloured=bool(rng.random() < 0.5))
        motion = rng.random() < 0.15
        shrink = _log_uniform(rng, *_SHRINK) if rng.random() < 0.8 else 1.0
        # Enlarged, the same grain hides more: both at their worst leave nothing to restore from.
        grain = _log_uniform(rng, *_GRAIN) / np.sqrt(shrink) if rng.random() < 0.75 else 0.0
        return cls(
            blur_px=_log_uniform(rng, *_BLUR_PX) if rng.random() < 0.8 else 0.0,
            motion_px=float(rng.uniform(3.0, 14.0)) if motion else 0.0,
            motion_deg=float(rng.uniform(0.0, 180.0)),
            shrink=shrink,
            grain=float(grain),
            grain_size=float(rng.uniform(0.6, 1.8)),
            coloured=bool(rng.random() < 0.3),
            quality=int(rng.integers(25, 96)) if rng.random() < 0.6 else None,
            scratches=int(rng.integers(1, 5)) if rng.random() < 0.12 else 0,
        )


MILD = FaceWear(blur_px=1.0, shrink=1.5, grain=0.02, quality=85)
MEDIUM = FaceWear(blur_px=1.6, shrink=2.5, grain=0.035, quality=70)
SEVERE = FaceWear(blur_px=2.5, shrink=4.0, grain=0.04, quality=55)
LEVELS = {"mild": MILD, "medium": MEDIUM, "severe": SEVERE}  # of the benchmark


def worn_face(face: Pixels, wear: FaceWear, rng: np.random.Generator) -> Pixels:
    """A face (H, W, 3) float32 in [0, 1] after its wear, the same shape and range.

    Three equal channels stay equal unless the grain is coloured.
    """
    height, width = face.shape[:2]
    worn = face
    if wear.blur_px > 0.0:
        worn = cv2.GaussianBlur(worn, (0, 0), wear.blur_px, borderType=cv2.BORDER_REFLECT)
    if wear.motion_px > 1.0:
        streak = _streak(wear.motion_px, wear.motion_deg)
        worn = cv2.filter2D(worn, -1, streak, borderType=cv2.BORDER_REFLECT)
    small = (max(round(width / wear.shrink), 8), max(round(height / wear.shrink), 8))
    if small != (width, height):
        worn = cv2.resize(worn, small, interpolation=cv2.INTER_AREA)
    if wear.grain > 0.0:
        worn = worn + _grain(np.asarray(worn, np.float32), wear, rng)
    worn = np.clip(np.asarray(worn, np.float32), 0.0, 1.0)
    if wear.quality is not None:
        worn = _compressed(worn, wear.quality)
    if small != (width, height):
        how = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        worn = cv2.resize(worn, (width, height), interpolation=how)
    worn = np.asarray(worn, np.float32)
    for _ in range(wear.scratches):
        worn = _scratched(worn, rng)
    return np.clip(worn, 0.0, 1.0)


def toned_face(face: Pixels, rng: np.random.Generator) -> Pixels:
    """The print's tone: half of the time grey (or tinted), often faded, sometimes with a cast."""
    if rng.random() < 0.5:
        weights = LUMA if rng.random() < 0.7 else rng.dirichlet([2.0, 4.0, 3.0]).astype(np.float32)
        face = np.repeat((face @ weights)[..., None], 3, axis=2)
        gammas = 2.0 ** (rng.uniform(-0.3, 0.3) * np.array([-1.0, 0.0, 1.0]))
        if rng.random() < 0.3:
            face = np.power(face, gammas.astype(np.float32))
    elif rng.random() < 0.3:
        face = face * (1.0 + rng.uniform(-0.15, 0.15, 3)).astype(np.float32)
    if rng.random() < 0.5:
        black, white = rng.uniform(0.0, 0.25), rng.uniform(0.75, 1.0)
        face = np.float32(black) + face * np.float32(white - black)
    return np.clip(face, 0.0, 1.0).astype(np.float32)


def _grain(face: Pixels, wear: FaceWear, rng: np.random.Generator) -> Pixels:
    """Grain is strongest in the mid-tones and fades towards black and white."""
    channels = 3 if wear.coloured else 1
    clumps = rng.standard_normal((*face.shape[:2], channels), np.float32)
    if wear.grain_size > 1.0:
        clumps = cv2.GaussianBlur(clumps, (0, 0), wear.grain_size / 2).reshape(clumps.shape)
        clumps = clumps / max(float(clumps.std()), 1e-6)
    tones = face if wear.coloured else (face @ LUMA)[..., None]
    strength = np.float32(0.35) + np.float32(2.6) * tones * (np.float32(1.0) - tones)
    return np.asarray(np.float32(wear.grain) * strength * clumps, np.float32)


def _streak(length_px: float, angle_deg: float) -> NDArray[np.float32]:
    side = int(np.ceil(length_px)) | 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    angle = np.deg2rad(angle_deg)
    step = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    ends = [tuple(round(middle + sign * value) for value in step) for sign in (-1.0, 1.0)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
    return kernel / kernel.sum()


def _compressed(face: Pixels, quality: int) -> Pixels:
    levels = np.rint(face * 255.0).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert back is not None
    return back[..., ::-1].astype(np.float32) / np.float32(255)


def _scratched(face: Pixels, rng: np.random.Generator) -> Pixels:
    """A faint line or spot, lighter or darker than what is under it."""
    height, width = face.shape[:2]
    mask = np.zeros((height, width), np.float32)
    start = rng.uniform(0.0, 1.0, 2) * (width, height)
    if rng.random() < 0.6:
        end = start + rng.normal(0.0, 0.4, 2) * (width, height)
        points = [tuple(int(value) for value in point) for point in (start, end)]
        cv2.line(mask, points[0], points[1], 1.0, 1, cv2.LINE_AA)
    else:
        centre = (int(start[0]), int(start[1]))
        cv2.circle(mask, centre, int(rng.integers(1, 4)), 1.0, -1, cv2.LINE_AA)
    alpha = (mask * np.float32(rng.uniform(0.15, 0.6)))[..., None]
    level = np.float32(rng.uniform(0.0, 1.0))
    return np.asarray(face + alpha * (level - face), np.float32)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
