"""The stage `tone`: what it measures, what it revives, and what it leaves as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import tone_network
from resilver import Options, Photo, Pipeline, restore
from resilver.errors import ModelError, OptionError
from resilver.imaging.measures import LUMA
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.store import StoredModel, bundled_model
from resilver.photofile.source_types import ENHANCED
from resilver.pipeline import decide
from resilver.reporting.source_type import digital_source_type
from resilver.stages.draft import Draft, Finding
from resilver.stages.tone import PALE_255, SURE, THRESHOLD_DE, ToneStage

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return tone_network(tmp_path_factory.mktemp("models"))


def good() -> Picture:
    """In colour, from black to white in each channel even on a thumbnail."""
    picture = np.array(astronaut()[::2, ::2])
    picture[:16, :16], picture[-16:, -16:] = 0, 255
    return picture


def faded(picture: Picture) -> Picture:
    """Its blacks lifted, its whites yellow."""
    low, high = np.array([60.0, 50.0, 40.0]), np.array([220.0, 210.0, 150.0])
    return np.rint(low + picture / 255.0 * (high - low)).astype(np.uint8)


def grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def sepia(picture: Picture) -> Picture:
    plane = grey(picture) / 255.0
    toned = np.stack((plane**0.8, plane, plane**1.3), axis=2)
    return np.rint(60 + 140 * toned).astype(np.uint8)


def revived(stage: ToneStage, picture: NDArray[np.generic], strength: float = 1.0) -> Photo:
    draft = Draft(Photo.from_array(picture))  # type: ignore[arg-type]
    return stage.apply(draft, strength, lambda _share: None).photo


def finding_of(stage: ToneStage, picture: NDArray[np.generic]) -> Finding:
    return stage.diagnose(Draft(Photo.from_array(picture)), lambda _share: None)[0]  # type: ignore[arg-type]


def error_255(photo: Photo, truth: Picture) -> float:
    return float(np.abs(photo.pixels.astype(np.float64) / 257 - truth).mean())


def test_where_there_is_nothing_to_see_nothing_has_faded(model: StoredModel) -> None:
    blank = np.full((64, 96, 3), 150, np.uint8)
    blank[::7] += 2
    finding = finding_of(ToneStage(model, threads=1), blank)
    assert not finding.act
    assert finding.words == "Hardly any tones: there is nothing to tell fading from."


def test_a_faded_photo_is_found_and_comes_back(model: StoredModel) -> None:
    stage = ToneStage(model, threads=1)
    finding = finding_of(stage, faded(good()))
    assert finding.act
    fading, likelihood, dark, light = finding.measurements
    assert fading.value > fading.threshold == THRESHOLD_DE  # type: ignore[operator]
    assert likelihood.value > likelihood.threshold == 100 * SURE  # type: ignore[operator]
    assert 15 < dark.value < 30
    assert 70 < light.value < 85
    assert finding.words.startswith("Faded: its tones reach from 2")
    assert error_255(revived(stage, faded(good())), good()) < 1.0


@pytest.mark.parametrize("nothing", [0, 255])
def test_what_is_transparent_is_not_looked_at(model: StoredModel, nothing: int) -> None:
    stage = ToneStage(model, threads=1)
    picture = faded(good())
    height, width, _channels = picture.shape
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, (255,), -1)
    cut_out = np.where(alpha[..., None] > 0, picture, np.uint8(nothing))
    whole, seen = (finding_of(stage, shown) for shown in (picture, np.dstack((cut_out, alpha))))
    assert seen.act
    values = [[one.value for one in finding.measurements] for finding in (whole, seen)]
    np.testing.assert_allclose(values[1], values[0], atol=6.0)


def test_a_good_photo_has_not_faded(model: StoredModel) -> None:
    finding = finding_of(ToneStage(model, threads=1), good())
    assert not finding.act
    assert "hardly faded" in finding.words
    assert decide(finding, Options()) == (0.0, "nothing to do")


def test_strength_leads_from_the_scan_to_the_revived(model: StoredModel) -> None:
    stage = ToneStage(model, threads=1)
    scan = faded(good())
    full = revived(stage, scan).pixels.astype(np.float64)
    half = revived(stage, scan, 0.5).pixels.astype(np.float64)
    np.testing.assert_allclose(half, (full + 257.0 * scan) / 2, atol=1.01)


def test_sixteen_bits_stay_sixteen_bits(model: StoredModel) -> None:
    """A ramp in steps of a 16-bit scan comes out in as many levels: nothing is rounded to 8."""
    ramp = np.linspace(20_000, 40_000, 128 * 128).reshape(128, 128).astype(np.uint16)
    photo = revived(ToneStage(model, threads=1), ramp)
    assert len(np.unique(photo.pixels)) > 0.99 * len(np.unique(ramp))
    assert np.ptp(photo.pixels) > 55_000


def test_a_grey_photo_stays_grey_to_the_bit(model: StoredModel) -> None:
    for neutral in (False, True):
        photo = revived(ToneStage(model, neutral, threads=1), 60 + grey(good()) // 2)
        assert photo.grey
        assert (np.ptp(photo.pixels, axis=2) == 0).all()
        assert np.ptp(photo.pixels) > 65_000


def test_of_a_print_that_has_not_faded_only_the_tone_is_taken() -> None:
    """By the bundled network; its brightness stays as it is, and forced it does not."""
    bright = astronaut() @ LUMA
    print_ = np.rint(bright[..., None] * np.array([1.0, 0.93, 0.8])).astype(np.uint8)
    photo, report = restore(print_, Options(only=("tone",), neutral=True, threads=1))
    (record,) = report.stages
    assert record.acted
    assert "its tone is taken away" in record.finding.words
    assert not record.finding.words.startswith("Faded")
    wanted = np.repeat((print_ / 255.0 @ LUMA)[..., None], 3, axis=2)
    np.testing.assert_allclose(photo.pixels / 65535.0, wanted, atol=1e-4)
    forced = Options(only=("tone",), force=("tone",), neutral=True, threads=1)
    revived_too = restore(print_, forced)[0].pixels / 65535.0
    assert np.abs(revived_too - wanted).mean() > 0.005


def test_a_sepia_print_keeps_its_tone_and_gains_contrast(model: StoredModel) -> None:
    print_ = sepia(good())
    photo = revived(ToneStage(model, threads=1), print_)
    before, after = print_ / 255.0, photo.pixels / 65535.0
    assert np.ptp(after.mean(axis=2)) > 1.4 * np.ptp(before.mean(axis=2))
    inside = (after.min(axis=2) > 0) & (after.max(axis=2) < 1)  # where nothing was clipped
    warmth = (after - before)[inside]
    assert inside.mean() > 0.5
    assert np.ptp(warmth, axis=1).max() < 0.01
    assert "its tone is left as it is" in finding_of(ToneStage(model, threads=1), print_).words


def test_the_few_colours_of_a_pale_photo_are_left_unless_the_person_knows(
    model: StoredModel,
) -> None:
    """A yellow print with a trace of colour beyond its tone: a cast, or a sepia print."""
    picture = np.rint(0.87 * sepia(good()) + 0.13 * faded(good())).astype(np.uint8)
    assert TONED_255 < colour_left(picture) < PALE_255
    stage = ToneStage(model, threads=1)
    finding = finding_of(stage, picture)
    assert finding.act
    assert "few colours" in finding.words
    before, after = picture / 255.0, revived(stage, picture).pixels / 65535.0
    assert np.ptp(after.mean(axis=2)) > 1.4 * np.ptp(before.mean(axis=2))
    inside = (after.min(axis=2) > 0) & (after.max(axis=2) < 1)  # where nothing was clipped
    assert inside.mean() > 0.5
    assert np.ptp((after - before)[inside], axis=1).max() < 0.01
    for knows in (replace(stage, told=True), replace(stage, neutral=True)):
        assert "few colours" not in finding_of(knows, picture).words
        moved = revived(knows, picture).pixels / 65535.0 - before
        assert np.ptp(moved, axis=2).mean() > 0.03


def test_neutral_takes_the_tone_of_a_toned_print_and_of_nothing_else(model: StoredModel) -> None:
    stage = ToneStage(model, neutral=True, threads=1)
    kept = np.stack([np.rint(255 * (good()[..., 1] / 255.0) ** g) for g in (0.8, 1, 1.3)], axis=2)
    finding = finding_of(stage, kept.astype(np.uint8))
    assert (finding.act, finding.wanted) == (True, True)  # not faded, but neutral was asked for
    assert not finding_of(stage, faded(sepia(good()))).wanted
    for tone in (1.0, 0.3):
        options = Options(only=("tone",), tone_model=model.path, neutral=True, tone=tone, threads=1)
        (record,) = restore(kept.astype(np.uint8), options)[1].stages
        assert (record.strength, record.why) == (1.0, "asked for")  # it is gone altogether
    photo = revived(stage, kept.astype(np.uint8))
    assert np.ptp(photo.pixels, axis=2).max() <= 1
    assert not finding_of(stage, good()).act
    coloured = revived(stage, faded(good()))
    assert error_255(coloured, good()) < 1.0
    # However weakly it is to be revived, or not at all.
    weak = revived(stage, sepia(good()), 0.5).pixels
    full = revived(stage, sepia(good())).pixels
    assert np.ptp(weak, axis=2).max() <= 1
    assert np.ptp(full.astype(int)) > np.ptp(weak.astype(int)) + 5_000
    options = Options(only=("tone",), tone_model=model.path, neutral=True, tone=0.0, threads=1)
    photo, report = restore(sepia(good()), options)
    assert report.stages[0].changed
    np.testing.assert_allclose(photo.pixels[..., 1] / 257.0, sepia(good()) @ LUMA, atol=1.01)
    assert np.ptp(photo.pixels, axis=2).max() <= 1
    for asked in (options, replace(options, force=("tone",))):
        photo, report = restore(faded(good()), asked)
        assert not report.stages[0].changed


def test_a_grey_photo_in_three_channels_has_no_tone_to_take(model: StoredModel) -> None:
    picture = np.repeat(good().mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    for neutral in (False, True):
        finding = finding_of(ToneStage(model, neutral=neutral), picture)
        assert "toned print" not in finding.words
        assert not finding.act


def test_strips_and_threads_do_not_show(model: StoredModel) -> None:
    tall = np.asarray(cv2.resize(faded(good()), (700, 900)), np.uint8)
    one = revived(ToneStage(model, threads=1), tall).pixels
    many = revived(ToneStage(model, threads=3), tall).pixels
    np.testing.assert_array_equal(one, many)
    rows = np.abs(np.diff(one.astype(np.int64).mean(axis=(1, 2))))
    given = np.abs(np.diff(tall.astype(np.float64).mean(axis=(1, 2)))) * 257
    assert rows.max() < 2.5 * given.max()


def test_progress_rises_to_one(model: StoredModel) -> None:
    told: list[float] = []
    tall = np.asarray(cv2.resize(good(), (700, 1500)), np.uint8)
    ToneStage(model, threads=2).apply(Draft(Photo.from_array(tall)), 1.0, told.append)
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == 1.0


def test_the_stage_runs_after_denoise_and_before_faces(model: StoredModel) -> None:
    names = [stage.name for stage in Pipeline(Options(tone_model=model.path)).stages]
    assert names[names.index("denoise") + 1] == "tone"
    assert "faces" not in names[: names.index("tone")]


def test_a_run_tells_what_was_done(model: StoredModel) -> None:
    options = Options(only=("tone",), tone_model=model.path, threads=1)
    photo, report = restore(faded(good()), options)
    (record,) = report.stages
    assert record.acted
    assert record.models[0][0] == "tone"
    assert report.changed_share > 0.9
    assert report.invented_share == 0.0  # colours were moved, nothing was made up
    assert digital_source_type(report) == ENHANCED
    assert error_255(photo, good()) < 1.0


def test_a_good_photo_comes_back_as_it_was(model: StoredModel) -> None:
    options = Options(only=("tone",), tone_model=model.path, threads=1)
    photo, report = restore(good(), options)
    assert not report.stages[0].acted
    np.testing.assert_array_equal(photo.pixels, good())


def test_another_network_is_refused() -> None:
    denoiser = bundled_model("denoise").path
    with pytest.raises(ModelError, match="'denoise' does not revive tones"):
        Pipeline(Options(tone_model=denoiser))


def test_a_network_with_limits_on_its_use_is_left_out_and_named() -> None:
    options = Options(skip=("repair", "denoise", "faces"), licence="clean")
    photo, report = restore(faded(good()), options)
    assert report.stages == ()
    assert report.notices[0].startswith("tone was left out: ")
    np.testing.assert_array_equal(photo.pixels, faded(good()))


def test_a_named_network_with_limits_on_its_use_is_refused(tmp_path: Path) -> None:
    limited = tone_network(tmp_path, licence="research")
    with pytest.raises(OptionError, match=f"licence clean leaves it out: {limited.card.name} is"):
        Pipeline(Options(tone_model=limited.path, licence="clean"))


def test_how_strongly_is_the_persons_choice(model: StoredModel) -> None:
    old = finding_of(ToneStage(model, threads=1), faded(good()))
    assert decide(old, Options()) == (1.0, "found")
    assert decide(old, Options(tone=0.4)) == (0.4, "found")
    assert decide(old, Options(tone=0.0)) == (0.0, "switched off")
    new = finding_of(ToneStage(model, threads=1), good())
    assert decide(new, Options(force=("tone",), tone=0.7)) == (0.7, "forced")
    with pytest.raises(OptionError, match="tone is a strength from 0 to 1, not 2"):
        Options(tone=2.0)
