"""Faces hidden on purpose are told from those that time, lenses and small scans took away."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from resilver.ageing import age
from resilver.imaging.hidden import measure_concealment
from resilver.photofile.depth import widen

Picture = NDArray[np.uint8]

# The face of the picture that scikit-image brings along, as a detector gives it.
BOX = np.array([173, 53, 262, 175], np.float32)
POINTS = np.array([(203, 108), (239, 105), (225, 128), (209, 147), (241, 145)], np.float32)
PART = (slice(40, 190), slice(155, 280))  # the face with some hair


def how(picture: Picture, scale: float = 1.0) -> str | None:
    return measure_concealment(picture, BOX * scale, POINTS * scale).how


def hidden(hide: Callable[[Picture], Picture]) -> Picture:
    picture = astronaut().copy()
    picture[PART] = hide(picture[PART])
    return picture


def mosaic(part: Picture, block_px: int, offset_px: int = 0) -> Picture:
    out = part.copy()
    for top in range(-offset_px, part.shape[0], block_px):
        for left in range(-offset_px, part.shape[1], block_px):
            block = (slice(max(top, 0), top + block_px), slice(max(left, 0), left + block_px))
            out[block] = part[block].reshape(-1, 3).mean(axis=0)
    return out


def as_jpeg(picture: Picture, quality: int) -> Picture:
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def grainy(picture: Picture, sigma_255: float, *, mono: bool) -> Picture:
    shape = (*picture.shape[:2], 1 if mono else 3)
    grain = np.random.default_rng(7).normal(0.0, sigma_255, shape)
    return np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("block_px", [6, 9, 14, 20])
@pytest.mark.parametrize("offset_px", [0, 4])
def test_a_mosaic_is_seen_whatever_its_grid(block_px: int, offset_px: int) -> None:
    picture = hidden(lambda part: mosaic(part, block_px, offset_px))
    assert how(picture) == "pixelated"
    assert how(as_jpeg(picture, 50)) == "pixelated"
    assert how(widen(picture)) == "pixelated"  # in 16 bits as well


@pytest.mark.parametrize("blocks", [6, 9, 12, 15])
def test_a_face_cut_into_as_many_blocks_both_ways_is_pixelated(blocks: int) -> None:
    left, top, right, bottom = BOX.astype(int).tolist()
    picture = astronaut().copy()
    part = picture[top:bottom, left:right]
    few = cv2.resize(part, (blocks, blocks), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    assert how(picture) == "pixelated"
    assert how(as_jpeg(picture, 60)) == "pixelated"
    soft = cv2.GaussianBlur(picture, (0, 0), 0.8)
    assert how(grainy(np.asarray(soft, np.uint8), 4.0, mono=True)) == "pixelated"


@pytest.mark.parametrize("angle_deg", [-14.0, -7.0, 3.0, 10.0])
@pytest.mark.parametrize("block_px", [9, 16])
def test_a_mosaic_that_lies_askew_is_seen(block_px: int, angle_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((218.0, 114.0), angle_deg, 1.0)
    turned = np.asarray(cv2.warpAffine(astronaut(), turn, (512, 512)), np.uint8)
    turned[20:210, 120:320] = mosaic(turned[20:210, 120:320], block_px, 2)
    back = cv2.warpAffine(turned, cv2.invertAffineTransform(turn), (512, 512))
    picture = astronaut().copy()
    picture[PART] = np.asarray(back, np.uint8)[PART]
    assert how(picture) == "pixelated"
    assert how(as_jpeg(picture, 60)) == "pixelated"


@pytest.mark.parametrize("scale", [0.7, 1.4])
def test_a_mosaic_is_seen_after_rescaling(scale: float) -> None:
    picture = hidden(lambda part: mosaic(part, 12, 5))
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    assert how(as_jpeg(np.asarray(picture), 70), scale) == "pixelated"


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_face_painted_over_is_blacked_out(level: int) -> None:
    assert how(hidden(lambda part: np.full_like(part, level))) == "blacked out"


@pytest.mark.parametrize("level", [0, 255])
def test_a_bar_over_the_eyes_is_enough(level: int) -> None:
    picture = astronaut().copy()
    picture[96:118, 180:264] = level
    assert how(picture) == "blacked out"
    assert how(as_jpeg(picture, 60)) == "blacked out"


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("through", [0.05, 0.12, 0.2])
def test_a_bar_that_lets_a_little_through_is_seen_by_its_edges(level: int, through: float) -> None:
    picture = astronaut().copy()
    bar = picture[96:118, 180:264]
    bar[:] = np.rint(level + through * (bar.astype(np.float64) - level)).astype(np.uint8)
    assert how(picture) == "blacked out"
    assert how(as_jpeg(picture, 60)) == "blacked out"
    assert how(grainy(picture, 5.0, mono=True)) == "blacked out"


def test_a_shadow_without_edges_is_no_bar() -> None:
    rows = np.arange(512, dtype=np.float64)[:, None, None]
    light = 1.0 - 0.8 * np.exp(-0.5 * ((rows - 107.0) / 25.0) ** 2)
    assert how(np.rint(astronaut() * light).astype(np.uint8)) is None


@pytest.mark.parametrize("kernel_px", [25, 45])
def test_a_face_blurred_alone_is_blurred_on_purpose(kernel_px: int) -> None:
    picture = hidden(lambda part: np.asarray(cv2.blur(part, (kernel_px, kernel_px)), np.uint8))
    assert how(picture) == "blurred"
    assert how(as_jpeg(picture, 60)) == "blurred"


@pytest.mark.parametrize("sigma_255", [3.0, 5.0, 9.0])
@pytest.mark.parametrize(
    ("hide", "named"),
    [
        (lambda part: mosaic(part, 7, 3), "pixelated"),
        (lambda part: mosaic(part, 14), "pixelated"),
        (lambda part: cv2.GaussianBlur(part, (0, 0), 10), "blurred"),
        (lambda part: part, None),
    ],
    ids=["fine mosaic", "mosaic", "blurred", "not hidden"],
)
def test_grain_that_came_afterwards_changes_nothing(
    hide: Callable[[Picture], Picture], named: str | None, sigma_255: float
) -> None:
    for mono in (True, False):
        picture = hidden(lambda part: np.asarray(hide(part), np.uint8))
        assert how(grainy(picture, sigma_255, mono=mono)) == named
        assert how(as_jpeg(grainy(picture, sigma_255, mono=mono), 85)) == named


@pytest.mark.parametrize("block_px", [7, 10, 14, 20])
def test_a_mosaic_is_seen_under_strong_grain(block_px: int) -> None:
    picture = hidden(lambda part: mosaic(part, block_px, 3))
    for mono in (True, False):
        assert how(grainy(picture, 16.0, mono=mono)) == "pixelated"
        assert how(as_jpeg(grainy(picture, 16.0, mono=mono), 60)) == "pixelated"
        assert how(grainy(astronaut(), 16.0, mono=mono)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture,
        lambda picture: cv2.GaussianBlur(picture, (0, 0), 3),
        lambda picture: cv2.GaussianBlur(picture, (0, 0), 8),
        lambda picture: cv2.blur(picture, (25, 25)),
        lambda picture: as_jpeg(picture, 15),
        lambda picture: (picture * 0.2).astype(np.uint8),
        lambda picture: (picture * 0.3 + 150).astype(np.uint8),
        lambda picture: cv2.resize(
            cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA), (512, 512)
        ),
        lambda picture: np.rint(255 * age(picture, 5).photo).astype(np.uint8),
        lambda picture: grainy(cv2.GaussianBlur(picture, (0, 0), 5), 8.0, mono=True),
    ],
    ids=[
        *("as it is", "soft", "out of focus", "box", "jpeg", "dark", "faded", "small", "aged"),
        "soft and grainy",
    ],
)
def test_what_time_and_lenses_do_is_not_hiding(change: Callable[[Picture], Picture]) -> None:
    assert how(np.asarray(change(astronaut()), np.uint8)) is None


def test_a_small_photo_is_not_hiding() -> None:
    small = cv2.resize(astronaut(), (128, 128), interpolation=cv2.INTER_AREA)
    assert how(np.asarray(small, np.uint8), 0.25) is None


def test_a_face_that_fills_its_photo_can_be_measured() -> None:
    part = np.ascontiguousarray(astronaut()[53:175, 173:262])
    shift = np.array([173, 53], np.float32)
    measured = measure_concealment(part, BOX - np.tile(shift, 2), POINTS - shift)
    assert measured.how is None
    covered = measure_concealment(part * 0, BOX - np.tile(shift, 2), POINTS - shift)
    assert covered.how == "blacked out"
