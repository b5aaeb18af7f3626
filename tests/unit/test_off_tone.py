"""Stains seen by their colour, and taken off: prints in one tone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from resilver.imaging.bleaching import Bleach
from resilver.imaging.off_tone import EDGE, MOST_SHARE, off_tone_stains
from resilver.imaging.tiles import Area, tile_areas, to_float
from resilver.imaging.tone import Tone

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]

GREY = (1.0, 1.0, 1.0)
SEPIA = (0.85, 1.0, 1.2)  # exponents of red, green, blue
RUST = (0.62, 0.40, 0.20)


def sound(tone: tuple[float, ...] = GREY, noise: float = 0.0) -> Values:
    """A photo of 512 px in one tone, (H, W, 3) in [0, 1]."""
    grey = 0.1 + 0.8 * data.camera()[..., None].astype(np.float32) / 255
    picture = grey ** np.array(tone, np.float32)
    rng = np.random.default_rng(0)
    return (picture + noise * rng.standard_normal(picture.shape)).clip(0, 1).astype(np.float32)


def blot(middle: tuple[int, int] = (300, 180), radius: int = 40, soft_px: float = 1.5) -> Values:
    """How opaque a round stain is, (512, 512) in [0, 1]."""
    mask = np.zeros((512, 512), np.float32)
    cv2.circle(mask, middle, radius, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft_px), np.float32)


def laid(picture: Values, opacity: Values, colour: tuple[float, ...] = RUST) -> Values:
    alpha = opacity[..., None]
    return np.asarray((1 - alpha) * picture + alpha * np.array(colour), np.float32)


def levels(picture: Values) -> Picture:
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8)


def overlap(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("tone", [GREY, SEPIA])
@pytest.mark.parametrize("opacity", [0.25, 0.6])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_brown_stain_is_found_and_nothing_else(
    tone: tuple[float, ...], opacity: float, noise: float
) -> None:
    stain = blot()
    found = off_tone_stains(levels(laid(sound(tone, noise), opacity * stain)))
    assert found is not None
    assert overlap(found, stain > 0.4) > 0.8


def test_depth_does_not_matter() -> None:
    picture = laid(sound(), 0.5 * blot())
    found = off_tone_stains(np.rint(65535 * picture).astype(np.uint16))
    also = off_tone_stains(levels(picture))
    assert found is not None
    assert also is not None
    assert overlap(found, also) > 0.97


@pytest.mark.parametrize("tone", [GREY, SEPIA])
def test_a_sound_print_has_none(tone: tuple[float, ...]) -> None:
    assert off_tone_stains(levels(sound(tone, 0.02))) is None


def test_paper_that_yellows_from_its_border_inwards_is_no_stain() -> None:
    inwards = np.abs(np.linspace(-1, 1, 512, dtype=np.float32)) ** 2
    yellowed = np.asarray(0.15 * np.maximum(inwards[:, None], inwards[None, :]), np.float32)
    assert off_tone_stains(levels(laid(sound(), yellowed, (0.9, 0.8, 0.5)))) is None


def squeezed(picture: Picture, quality: int) -> Picture:
    """Through JPEG, with colour at half the size."""
    _, written = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


@pytest.mark.parametrize("quality", [15, 30, 50, 75])
@pytest.mark.parametrize("strength", [0.1, 0.2, 0.3])
def test_the_blocks_of_compression_are_no_stain(quality: int, strength: float) -> None:
    """Yellowing that has no edge gets steps along the blocks."""
    inwards = np.abs(np.linspace(-1, 1, 512, dtype=np.float32)) ** 3
    yellowed = np.asarray(strength * np.maximum(inwards[:, None], inwards[None, :]), np.float32)
    for tone in (GREY, SEPIA):
        print_ = levels(laid(sound(tone), yellowed, (0.9, 0.8, 0.5)))
        assert off_tone_stains(squeezed(print_, quality)) is None


@pytest.mark.parametrize("quality", [75, 90])
def test_a_strong_stain_is_found_after_compression(quality: int) -> None:
    found = off_tone_stains(squeezed(levels(laid(sound(SEPIA), 0.5 * blot())), quality))
    assert found is not None
    assert overlap(found, blot() > 0.4) > 0.75


def test_what_was_coloured_by_hand_is_left_alone() -> None:
    brown = laid(sound(), 0.4 * blot((300, 180)))
    assert off_tone_stains(levels(brown)) is not None
    for colour in ((0.2, 0.3, 0.7), (0.75, 0.25, 0.3), (0.3, 0.6, 0.25)):
        tinted = laid(brown, 0.4 * blot((120, 380)), colour)
        assert off_tone_stains(levels(tinted)) is None


def test_a_thing_that_kept_its_colour_is_no_stain() -> None:
    assert off_tone_stains(levels(laid(sound(), blot(), (0.95, 0.75, 0.05)))) is None


def test_two_prints_in_one_scan_are_no_stain() -> None:
    scan = sound()
    scan[:, : round(512 * 1.3 * MOST_SHARE)] **= np.array((0.6, 1.0, 1.6), np.float32)
    assert off_tone_stains(levels(scan)) is None


def test_a_colour_without_an_edge_is_no_stain() -> None:
    """The same colour, in the end as strong, spread out ever more softly."""
    strong = [
        off_tone_stains(levels(laid(sound(), 0.12 * blot(radius=60, soft_px=soft_px))))
        for soft_px in (2.0, 40.0)
    ]
    assert strong[0] is not None
    assert strong[1] is None
    assert EDGE > 0


@pytest.mark.parametrize("size", [(1, 300), (5, 7), (64, 64), (1700, 40)])
def test_sizes_come_back_as_they_were(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    stained = np.repeat(rng.integers(60, 200, (*size, 1), np.uint8), 3, axis=2)
    rows = slice(size[0] // 4, size[0] // 4 + max(size[0] // 8, 1))
    stained[rows, : max(size[1] // 3, 1)] = (150, 100, 60)
    found = off_tone_stains(stained)
    assert found is None or found.shape == size
    assert off_tone_stains(np.full((*size, 3), 255, np.uint8)) is None


def test_a_tone_gives_the_colours_that_it_was_fitted_to() -> None:
    picture = sound(SEPIA)
    tone = Tone.of(levels(picture))
    bright = picture.mean(axis=2)
    fitted = (bright > tone.darkest) & (bright < tone.lightest)
    assert np.abs(tone.colours(bright) - picture)[fitted].max() < 0.015
    assert np.abs(tone.colours(bright) - picture).mean() < 0.002
    assert np.abs(tone.unexplained(picture)).mean() < 0.5


def stained(tone: tuple[float, ...]) -> tuple[Values, Values, NDArray[np.bool_]]:
    """A print, the same with two stains on it, and where they are."""
    before = sound(tone, 0.02)
    opacity = np.asarray(0.5 * blot((150, 400), 50) + 0.35 * blot((330, 120), 35), np.float32)
    return before, laid(before, opacity), opacity > 0.02


@pytest.mark.parametrize("tone", [GREY, SEPIA])
def test_stains_are_taken_off_and_what_shows_through_stays(tone: tuple[float, ...]) -> None:
    before, after, where = stained(tone)
    pixels = levels(after)
    found = off_tone_stains(pixels)
    assert found is not None
    bleach = Bleach.of(pixels, found)
    assert bleach is not None
    cleared = bleach.apply(to_float(pixels), Area(0, 512, 0, 512))
    errors = [float(np.square(p - before)[where].mean()) for p in (to_float(pixels), cleared)]
    assert errors[1] < errors[0] / 4
    # No colour beyond the tone is left, but for noise in single pixels.
    left = Tone.of(levels(before)).unexplained(cleared)[where]
    assert np.abs(np.median(left, axis=0)).max() < 1.5
    # Detail that showed through is there: fine differences follow those of the print.
    fine = [p.mean(axis=2) - cv2.GaussianBlur(p.mean(axis=2), (0, 0), 3) for p in (before, cleared)]
    assert np.corrcoef(fine[0][where], fine[1][where])[0, 1] > 0.9


def test_far_from_the_stains_nothing_changes() -> None:
    _before, after, where = stained(GREY)
    pixels = levels(after)
    bleach = Bleach.of(pixels, where)
    assert bleach is not None
    cleared = bleach.apply(to_float(pixels), Area(0, 512, 0, 512))
    near = cv2.dilate(where.view(np.uint8), np.ones((41, 41))) > 0
    assert np.array_equal(cleared[~near], to_float(pixels)[~near])


def test_part_by_part_is_as_all_at_once() -> None:
    _before, after, where = stained(SEPIA)
    pixels = levels(after)
    bleach = Bleach.of(pixels, where)
    assert bleach is not None
    whole = bleach.apply(to_float(pixels), Area(0, 512, 0, 512))
    for area in tile_areas((512, 512), 192):
        part = bleach.apply(to_float(pixels[area.slices]), area)
        assert np.abs(part - whole[area.slices]).max() < 1e-4


@pytest.mark.parametrize("degrees", [0, 8, 20, 35])
def test_a_print_on_the_lid_of_a_scanner_is_no_stain(degrees: int) -> None:
    """The tone of a white lid says nothing of what a brown print may look like."""
    small = np.asarray(cv2.resize(sound(), (260, 260), interpolation=cv2.INTER_AREA), np.float32)
    brown = 0.08 + small * np.array((0.87, 0.80, 0.68), np.float32)
    turn = cv2.getRotationMatrix2D((130, 130), degrees, 1.0)
    turn[:, 2] += (250, 170)
    there = cv2.warpAffine(np.ones((260, 260), np.float32), turn, (900, 700))[..., None]
    lid = 0.965 + 0.004 * np.random.default_rng(0).standard_normal((700, 900, 3))
    scan = (1 - there) * lid + there * cv2.warpAffine(brown, turn, (900, 700))
    assert off_tone_stains(levels(scan.astype(np.float32))) is None


def test_of_many_groups_those_with_an_edge_are_found() -> None:
    """Each is held against what is around it, not against the next one."""
    opacity = np.zeros((512, 512), np.float32)
    for row in range(60, 500, 100):
        for column in range(60, 500, 100):
            opacity = np.maximum(opacity, 0.5 * blot((column, row), radius=18))
    found = off_tone_stains(levels(laid(sound(), opacity)))
    assert found is not None
    assert overlap(found, opacity > 0.2) > 0.8


def test_what_is_left_of_a_stain_between_two_pixels_of_the_copy_is_not_taken_off() -> None:
    print_ = np.repeat(np.random.default_rng(0).integers(60, 200, (800, 3200, 1), np.uint8), 3, 2)
    sliver = np.zeros((800, 3200), np.bool_)
    sliver[100:300, 1001] = True
    assert Bleach.of(print_, sliver) is None
