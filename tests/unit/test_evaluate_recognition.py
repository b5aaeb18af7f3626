"""Scoring of recognition, on cases whose right answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.ageing import KINDS
from resilver.evaluate.recognition import (
    PRESENT_PX,
    Case,
    ImageCalls,
    Recogniser,
    Seen,
    age_held_out,
    condition_calls,
    judge,
    kind_calls,
)
from resilver.evaluate.suites import SuitePhoto, read_photos
from resilver.imaging.measures import Agreement

NOTHING = Agreement(0, 0, 0, 0)


def case(true_px: int, found_px: int, faded: float = 0.0) -> Case:
    """1000 pixels with so much true and found scratch; not faded in truth."""
    scratch = Agreement(found_px, found_px, true_px, true_px)
    kinds = (scratch, NOTHING, NOTHING, NOTHING)
    return Case(scratch, scratch, kinds, (found_px / 1000, 0.0, 0.0, 0.0), ((False, faded),))


def calls(truth: list[bool], seen: list[float]) -> ImageCalls:
    return ImageCalls(np.array(truth), np.array(seen, np.float64))


def test_judge_keeps_kinds_apart_and_joins_them() -> None:
    truth = np.zeros((20, 20, 4), np.bool_)
    truth[2, 2:12, 0] = True
    truth[15, 2:12, 3] = True
    kinds = np.zeros_like(truth)
    kinds[2, 2:12, 3] = True  # the scratch, taken for dust
    told = kinds.copy()
    told[2:4, 2:12, 0] = True
    suspected = told.copy()
    suspected[4, 2:12, 0] = True  # in a face: not believed for being told
    judged = judge(Seen(kinds, told, suspected, (0.9, 0.2)), truth, (True,))
    assert judged.union == Agreement(10, 10, 20, 10)
    assert judged.told == Agreement(20, 20, 20, 10)
    assert judged.suspected == (0.075, 0.0, 0.0, 0.025)
    assert judged.kinds[0] == Agreement(0, 0, 10, 0)
    assert judged.kinds[3] == Agreement(10, 0, 10, 0)
    assert judged.conditions == ((True, 0.9),)


def test_a_trace_of_damage_counts_neither_way() -> None:
    cases = [case(0, 0), case(PRESENT_PX - 1, 0), case(PRESENT_PX, 30)]
    scratches = kind_calls(cases, "scratch")
    assert scratches.truth.tolist() == [False, True]
    assert scratches.seen.tolist() == [0.0, 0.03]
    assert scratches.accuracy(0.01) == 1.0
    assert scratches.accuracy(0.5) == 0.5


def test_conditions_count_where_they_are_known() -> None:
    cases = [case(0, 0, faded=0.4), case(0, 0, faded=0.6)]
    faded, cast = condition_calls(cases, "faded"), condition_calls(cases, "cast")
    assert faded.seen.tolist() == [0.4, 0.6]
    assert cast.truth.size == 0
    assert math.isnan(faded.accuracy(0.5))  # no faded photo among them
    assert math.isnan(cast.accuracy(0.5))


def test_best_threshold_parts_present_from_absent() -> None:
    found = calls([False, False, True, True, True], [0.0, 0.2, 0.1, 0.5, 0.7])
    assert found.best_threshold() == pytest.approx(0.35)
    assert found.accuracy(found.best_threshold()) == pytest.approx(5 / 6)
    blind = calls([False, True], [0.0, 0.0])
    assert blind.accuracy(blind.best_threshold()) == 0.5


@pytest.fixture
def photo(tmp_path: Path) -> SuitePhoto:
    rows, columns = np.mgrid[:150, :130]
    pixels = np.stack([rows, columns, 255 - rows], axis=-1).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), pixels)
    return SuitePhoto(tmp_path / "photo.png")


def test_held_out_prints_repeat_and_differ(photo: SuitePhoto) -> None:
    first = list(age_held_out([photo], 3, print_px=96))
    again = list(age_held_out([photo], 3, print_px=96))
    for made, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(made.pixels, same.pixels)
        np.testing.assert_array_equal(made.masks, same.masks)
        assert made.pixels.shape == (96, 96, 3)
        assert made.pixels.dtype == np.uint8
        assert made.masks.shape == (96, 96, len(KINDS))
    assert not np.array_equal(first[0].pixels, first[1].pixels)
    assert any(made.masks.any() for made in first)


def test_a_photo_smaller_than_the_print_is_enlarged(photo: SuitePhoto) -> None:
    (made,) = age_held_out([photo], 1, print_px=192)
    assert made.pixels.shape == (192, 192, 3)


def test_kinds_are_in_one_order_everywhere() -> None:
    from resilver.stages.repair import KIND_MARKS

    assert tuple((mark.name or "").lower() for mark in KIND_MARKS) == KINDS


def scratched() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:192, :192]
    pixels = np.stack([rows // 2 + 60, columns // 3 + 70, rows // 4 + 80], axis=-1).astype(np.uint8)
    cv2.line(pixels, (20, 10), (150, 180), (250, 250, 245), 2)
    return pixels


@pytest.mark.parametrize("told", [False, True])
def test_the_products_own_recognition_is_what_is_judged(told: bool) -> None:
    """Through the bundled network: the same marks as the repair stage gives, and conditions."""
    from resilver.making import build_stages
    from resilver.options import Options
    from resilver.photo import Photo
    from resilver.stages.draft import DAMAGE, Draft

    pixels = scratched()
    seen = Recogniser(threads=1).look(pixels)
    options = Options(only=("repair",), force=("repair",) if told else (), threads=1)
    (stage,) = build_stages(options)
    _finding, draft = stage.diagnose(Draft(Photo.from_array(pixels)), lambda _share: None)
    assert draft.marks is not None
    kinds = seen.suspected if told else seen.kinds
    np.testing.assert_array_equal(kinds.any(axis=-1), (draft.marks & np.uint8(DAMAGE)) != 0)
    assert all(0.0 <= value <= 1.0 for value in seen.conditions)


def test_the_reference_network_runs_on_any_size(shared: Path) -> None:
    from resilver.evaluate.references import film_dust_map
    from resilver.models.session import OrtNetwork

    network = OrtNetwork(shared / "weights" / "film-dust-unet-dust8.onnx", threads=1)
    picture = read_photos(shared / "data" / "eval" / "clean")[0].read()[:101, :75]
    probability = film_dust_map(network, picture)
    assert probability.shape == (101, 75)
    assert 0.0 <= probability.min() <= probability.max() <= 1.0


def test_ffdnet_takes_the_noise_it_is_told(shared: Path) -> None:
    from resilver.evaluate.references import denoise_told
    from resilver.imaging.measures import psnr
    from resilver.models.session import OrtNetwork

    network = OrtNetwork(shared / "weights" / "ffdnet-color.onnx", threads=1)
    clean = read_photos(shared / "data" / "eval" / "kodak")[0].read()[:129, :97]
    noise = np.random.default_rng(0).normal(0, 25 / 255, clean.shape).astype(np.float32)
    told_right = psnr(denoise_told(network, clean + noise, 25.0), clean)
    told_wrong = psnr(denoise_told(network, clean + noise, 5.0), clean)
    assert told_right > 25.0
    assert told_right > told_wrong + 2.0
