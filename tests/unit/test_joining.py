"""Coarse colours joined to a photo: inside the lines, at every size; colours apart from light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.evaluate.colours import chroma_error, hue_distance, leak
from resilver.imaging.chroma import (
    bins,
    colourfulness,
    grid,
    lightness,
    luminance,
    nearest_bin,
    to_lab,
    with_colours,
)
from resilver.imaging.colouring import ColourHint, likely_colours, working_size
from resilver.imaging.joining import join


def panel(size: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    """A light disc on a dark ground, grey."""
    plane = np.full(size, 60, np.uint8)
    centre, radius = (size[1] // 2, size[0] // 2), size[0] // 3
    cv2.circle(plane, centre, radius, 190, -1, cv2.LINE_AA)
    return np.repeat(plane[..., None], 3, axis=2)


def painted(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The disc red, the ground blue: a*b*."""
    share = ((pixels[..., :1].astype(np.float32) - 60) / 130).clip(0, 1)
    warm, cold = np.array([40.0, 30.0], np.float32), np.array([5.0, -30.0], np.float32)
    return share * warm + (1 - share) * cold


def test_colours_end_where_the_thing_ends() -> None:
    pixels = panel()
    truth = painted(pixels)
    coarse = cv2.resize(truth, (40, 30), interpolation=cv2.INTER_AREA)
    coarse = np.asarray(cv2.GaussianBlur(coarse, (0, 0), 0.7), np.float32)
    light = lightness(luminance(pixels))
    joined = join(coarse, pixels).strip(0, light)
    enlarged = np.asarray(cv2.resize(coarse, (320, 240)), np.float32)
    error = np.linalg.norm(joined - truth, axis=2)
    plain = np.linalg.norm(enlarged - truth, axis=2)
    assert error.mean() < 0.4 * plain.mean()
    assert np.quantile(error, 0.98) < 10
    leaks = [leak(np.concatenate((light[..., None], ab), axis=2)) for ab in (joined, enlarged)]
    assert leaks[0] < 0.1
    assert leaks[1] > 0.2


def test_strips_are_parts_of_the_whole() -> None:
    pixels = panel((700, 900))
    coarse = np.random.default_rng(0).normal(0, 20, (20, 26, 2)).astype(np.float32)
    joined = join(coarse, pixels)
    light = lightness(luminance(pixels))
    whole = joined.strip(0, light)
    np.testing.assert_array_equal(joined.strip(333, light[333:400]), whole[333:400])
    np.testing.assert_allclose(joined.at(50, 340, float(light[340, 50])), whole[340, 50], atol=1e-4)


def test_a_hint_stays_inside_its_thing() -> None:
    pixels = panel()
    coarse = np.zeros((30, 40, 2), np.float32)
    hint = ColourHint(160, 120, (180, 60, 60))
    ab = join(coarse, pixels, (hint,)).strip(0, lightness(luminance(pixels)))
    assert np.abs(ab[120, 160] - hint.ab).max() < 1.0
    assert np.abs(ab[120, 175] - hint.ab).max() < 8.0  # about it, too
    assert np.abs(ab[10, 10]).max() < 1.0  # beyond the disc's edge nothing
    assert np.abs(ab[120, 50]).max() < 1.0


def test_crowded_hints_are_all_honoured() -> None:
    """A painted stroke of forty points, and one of another colour beside it."""
    pixels = panel()
    red = tuple(ColourHint(130 + i, 100, (180, 60, 60)) for i in range(40))
    green = tuple(ColourHint(130 + i, 140, (60, 160, 60)) for i in range(40))
    joined = join(np.zeros((30, 40, 2), np.float32), pixels, red + green)
    light = lightness(luminance(pixels))
    for hint in red + green:
        off = joined.at(hint.x, hint.y, float(light[hint.y, hint.x])) - hint.ab
        assert np.linalg.norm(off) < 5.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_out_of_reach_are_greyed_not_lightened(dtype: type[np.unsignedinteger]) -> None:
    top = np.iinfo(dtype).max
    plane = np.linspace(0, top, 256).astype(dtype)
    light = luminance(np.repeat(plane[None, :, None], 3, axis=2))
    for ab in ((0, 0), (100, 0), (-100, 60), (30, -110), (0, 100)):
        wide = np.broadcast_to(np.array(ab, np.float32), (1, 256, 2))
        pixels = with_colours(light, wide)
        back = lightness(luminance(pixels))
        assert np.abs(back - lightness(light)).max() < 0.03
    grey = with_colours(light, np.zeros((1, 256, 2), np.float32))
    assert np.ptp(grey.astype(int), axis=2).max() <= 2
    assert np.abs(grey[0, :, 0] - plane * (65535.0 / top)).max() <= 4


def test_colours_inside_srgb_come_out_as_asked() -> None:
    rgb = np.random.default_rng(0).random((40, 40, 3), np.float32) * 0.6 + 0.2
    light = luminance(np.rint(rgb * 65535).astype(np.uint16))
    back = with_colours(light, np.ascontiguousarray(to_lab(rgb)[..., 1:])) / np.float32(65535)
    assert np.abs(back - rgb).max() < 0.01


def test_bins_cover_what_srgb_shows() -> None:
    colours = np.random.default_rng(0).random((1, 5000, 3), np.float32)
    ab = to_lab(colours)[0, :, 1:]
    assert np.abs(bins()[nearest_bin(ab)] - ab).max() <= 12.0
    assert nearest_bin(np.zeros(2, np.float32)) == grid()[10, 10]
    np.testing.assert_array_equal(bins()[grid()[10, 10]], [0, 0])
    # ab of pure blue, the farthest corner
    far = to_lab(np.array([[[0, 0, 1]]], np.float32))[0, 0, 1:]
    assert np.abs(bins()[nearest_bin(far)] - far).max() < 7


def test_sure_odds_give_their_colour_whatever_the_seed() -> None:
    """And where two are as likely, seeds differ; what is alike in lightness keeps one colour."""
    light = np.full((12, 12), 50, np.float32)
    sure = np.full((len(bins()), 12, 12), 1e-9, np.float32)
    sure[20] = 1.0
    for seed in (0, 1, 2):
        off = np.abs(likely_colours(sure, light, seed) - bins()[20])
        assert off.max() < 0.5
    red, green = (nearest_bin(np.array(ab, np.float32)) for ab in ((24, 12), (-24, 24)))
    open_ = np.full((len(bins()), 12, 12), 1e-9, np.float32)
    open_[red], open_[green] = 0.5, 0.5
    light[:, 6:] = 52
    looks = [likely_colours(open_, light, seed) for seed in range(1, 21)]
    reds = np.array([(look[..., 0] > 0).mean() for look in looks])
    assert reds.min() == 0.0
    assert reds.max() == 1.0
    assert np.isin(reds, (0.0, 1.0)).mean() > 0.8


def test_working_sizes_are_small_and_even() -> None:
    for size in ((100, 100), (3000, 4000), (10_000, 10_000), (60, 20_000)):
        height, width = working_size(size)
        assert height % 16 == width % 16 == 0
        assert 64 <= min(height, width) <= max(height, width) <= 512
        assert height * width <= 70_000
    assert working_size((3000, 4000))[0] < working_size((3000, 4000))[1]


def test_scores_tell_grey_from_lively_and_right_from_wrong() -> None:
    pixels = panel()
    light = luminance(pixels)
    original = with_colours(light, painted(pixels)) / np.float32(65535)
    mine = to_lab(original)
    assert chroma_error(mine, mine) == hue_distance(mine, mine) == 0.0
    assert colourfulness(original) > 40
    nothing = pixels / np.float32(255)
    assert colourfulness(nothing) < 1
    assert hue_distance(to_lab(nothing), mine) > 0.99
    assert chroma_error(to_lab(nothing), mine) > 25
    wrong = to_lab(with_colours(light, -painted(pixels)) / np.float32(65535))
    assert hue_distance(wrong, mine) > 0.9
    assert chroma_error(wrong, mine) > chroma_error(to_lab(nothing), mine)
