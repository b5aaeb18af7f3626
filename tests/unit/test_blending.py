"""Blending: a restored face goes back without a seam or a tint, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from resilver.imaging import blending
from resilver.imaging.alignment import FFHQ_FRAME, cut, frame_of
from resilver.imaging.blending import Patch, Placed, lay, matched
from resilver.imaging.tiles import Area, Pixels
from resilver.imaging.tone import colour_left
from resilver.photofile.depth import widen

SIDE = 128


def placed(side_px: float, middle: tuple[float, float], angle_deg: float = 0.0) -> Placed:
    """A frame that is so large in the photo, around this point, turned."""
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((FFHQ_FRAME - 0.5) * side_px) @ turn.T + middle
    return Placed(frame_of(points.astype(np.float32), FFHQ_FRAME, SIDE), SIDE)


def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(astronaut()[:260, 60:380])


def laid_back(
    pixels: Pixels, patches: list[Patch], spared: list[Placed] | None = None
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    out, reached = widen(pixels), np.zeros(pixels.shape[:2], np.bool_)
    for area, here in lay(out, patches, spared or [], 1.0):
        reached[area.slices] |= here
    return out, reached


def sharpened(shown: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(shown + 3 * (shown - cv2.GaussianBlur(shown, (0, 0), 3)), 0, 1)


PLACES = [
    placed(150, (165, 120)),
    placed(60, (165, 120), 30),
    placed(500, (165, 120), -15),
    placed(150, (10, 20)),  # over the photo's corner
]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_changes_around_a_face(place: Placed) -> None:
    pixels = portrait()
    shown = cut(pixels, place.matrix, SIDE)
    out, reached = laid_back(pixels, [Patch(place, matched(shown, sharpened(shown), toned=False))])
    np.testing.assert_array_equal(out[~reached], widen(pixels)[~reached])
    assert np.abs(out[reached].astype(int) - widen(pixels)[reached]).mean() > 100
    area = place.area(pixels.shape[:2])
    assert area is not None
    assert not reached[: area.top].any()
    assert not reached[:, area.right :].any()


@pytest.mark.parametrize("place", PLACES)
def test_a_face_that_a_network_left_alone_comes_back_to_the_bit(place: Placed) -> None:
    pixels = portrait()
    shown = cut(pixels, place.matrix, SIDE)
    out, _reached = laid_back(pixels, [Patch(place, matched(shown, shown, toned=False))])
    np.testing.assert_array_equal(out, widen(pixels))


def test_a_tint_and_a_change_of_brightness_stay_out() -> None:
    place = PLACES[0]
    shown = cut(portrait(), place.matrix, SIDE)
    tinted = shown * np.float32(0.7) + np.float32([0.15, 0.05, 0.0])
    even = shown * 0 + np.float32([0.2, -0.1, -0.2])
    # A flat tint vanishes, and of one that goes with the picture, what is broad.
    assert np.abs(matched(shown, shown + even, toned=False)).max() < 1e-5
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    change = matched(shown, tinted, toned=False)[middle, middle]
    assert np.abs(change.mean(axis=(0, 1))).max() < 0.02
    assert np.abs((tinted - shown)[middle, middle].mean(axis=(0, 1))).max() > 0.05


@pytest.mark.parametrize("angle_deg", [0.0, 30.0])
@pytest.mark.parametrize("side_px", [100.0, 300.0])
def test_there_is_no_seam(side_px: float, angle_deg: float) -> None:
    """On an even ground a strong change fades out with no step from pixel to pixel."""
    pixels = np.full((400, 420, 3), 128, np.uint8)
    place = placed(side_px, (210, 200), angle_deg)
    shown = cut(pixels, place.matrix, SIDE)
    rng = np.random.default_rng(0)
    blotches = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 8)
    restored = np.clip(shown + blotches / blotches.std() * np.float32(0.2), 0, 1)
    out, reached = laid_back(pixels, [Patch(place, matched(shown, restored, toned=False))])
    levels = out / 257.0
    assert levels[reached].std() > 10.0
    rim = place.weights(Area(0, 400, 0, 420)) < 0.01
    across, down = (np.abs(np.diff(levels, axis=axis)) for axis in (1, 0))
    assert across[rim[:, 1:]].max() < 2.0
    assert down[rim[1:]].max() < 2.0


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_stays_grey_to_the_bit(depth: int) -> None:
    grey = cv2.cvtColor(portrait(), cv2.COLOR_RGB2GRAY)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    if depth == 16:
        pixels = widen(pixels) + np.uint16(77)
    place = PLACES[1]
    shown = cut(pixels, place.matrix, SIDE)
    restored = sharpened(shown) * np.float32([1.2, 1.0, 0.7])
    change = matched(shown, restored, toned=False)
    assert change.shape == (SIDE, SIDE, 1)
    out, reached = laid_back(pixels, [Patch(place, change)])
    assert np.abs(out[reached].astype(int) - widen(pixels)[reached]).max() > 1000
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    np.testing.assert_array_equal(out[..., 0], out[..., 2])


def test_a_toned_print_keeps_its_tone() -> None:
    grey = cv2.cvtColor(portrait(), cv2.COLOR_RGB2GRAY)[..., None] / 255.0
    pixels = np.rint(255 * (grey * (1.0, 0.85, 0.65) * 0.9 + (0.08, 0.05, 0.02))).astype(np.uint8)
    place = PLACES[0]
    shown = cut(pixels, place.matrix, SIDE)
    coloured = np.clip(sharpened(shown) * np.float32([1.3, 0.9, 0.8]), 0, 1)
    area = place.area(pixels.shape[:2])
    assert area is not None
    kept, _ = laid_back(pixels, [Patch(place, matched(shown, coloured, toned=True))])
    coloured_out, _ = laid_back(pixels, [Patch(place, matched(shown, coloured, toned=False))])
    assert colour_left(kept[area.slices]) < 1.5
    assert colour_left(coloured_out[area.slices]) > 2 * colour_left(kept[area.slices])


@pytest.mark.parametrize("side_px", [50.0, 128.0, 400.0])
@pytest.mark.parametrize("angle_deg", [0.0, 35.0])
def test_what_is_changed_at_an_eye_is_changed_at_that_eye(side_px: float, angle_deg: float) -> None:
    pixels = np.full((500, 600, 3), 100, np.uint8)
    place = placed(side_px, (290, 240), angle_deg)
    shown = cut(pixels, place.matrix, SIDE)
    restored = shown.copy()
    x, y = FFHQ_FRAME[0] * SIDE - 0.5
    cv2.circle(restored, (round(float(x)), round(float(y))), 4, (0.9, 0.9, 0.9), -1)
    out, _reached = laid_back(pixels, [Patch(place, matched(shown, restored, toned=False))])
    bright = np.maximum(out[..., 0] / 257.0 - 120, 0)
    rows, columns = np.mgrid[:500, :600]
    found = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
    eye = np.linalg.solve(place.matrix[:, :2], np.array([x, y]) - place.matrix[:, 2])
    assert np.linalg.norm(found - eye) < 0.01 * side_px + 0.5


def test_neighbours_share_and_who_is_spared_is_not_touched() -> None:
    pixels = portrait()
    first, second = placed(150, (110, 120)), placed(150, (200, 120))
    shown = [cut(pixels, place.matrix, SIDE) for place in (first, second)]
    patches = [
        Patch(place, matched(face, sharpened(face), toned=False))
        for place, face in zip((first, second), shown, strict=True)
    ]
    whole = Area(0, pixels.shape[0], 0, pixels.shape[1])
    there = second.weights(whole)
    core = there == 1.0
    assert (core & (first.weights(whole) > 0)).any()  # they do overlap
    out, reached = laid_back(pixels, patches[:1], [second])
    np.testing.assert_array_equal(out[core], widen(pixels)[core])
    assert reached.any()

    single = [laid_back(pixels, [patch])[0].astype(int) - widen(pixels) for patch in patches]
    both = laid_back(pixels, patches)[0].astype(int) - widen(pixels)
    limit = np.maximum(np.abs(single[0]), np.abs(single[1])) + 2
    assert (np.abs(both) <= limit).all()


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, place = portrait(), PLACES[2]
    shown = cut(pixels, place.matrix, SIDE)
    patch = Patch(place, matched(shown, sharpened(shown), toned=False))
    at_once, _ = laid_back(pixels, [patch])
    monkeypatch.setattr(blending, "_STRIP_ROWS", 37)
    in_strips, _ = laid_back(pixels, [patch])
    assert np.abs(at_once.astype(int) - in_strips).max() <= 257


def test_a_face_beyond_the_photo_has_no_area() -> None:
    assert placed(50, (-200, 40)).area((100, 100)) is None
