"""Suites as data and their runner: small suites made here, and the real ones on small folders."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from resilver.errors import ModelError, OptionError, PhotoMissing, ResilverError
from resilver.evaluate import declared
from resilver.evaluate.contenders import keep
from resilver.evaluate.declared import SUITES, suite_named
from resilver.evaluate.evaluation import Attempt, Evaluation, Judged
from resilver.evaluate.metrics import (
    CHANGED,
    COLOUR_DISTANCE,
    COLOURFULNESS,
    PSNR,
    PSNR_OUTSIDE,
    SSIM,
)
from resilver.evaluate.results import Stamp
from resilver.evaluate.running import evaluate
from resilver.evaluate.showing import to_json, to_markdown
from resilver.evaluate.values import (
    INPUT,
    Case,
    Made,
    Open,
    Restore,
    Sample,
    Setting,
    Suite,
    without_settings,
)

STAMP = Stamp("1a2b3c4", "2026-11-28 12:00", "a machine", "0.1", "Python", "none")


def photo(seed: int, size: tuple[int, int] = (48, 64)) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A smooth picture with a little colour, on the grid of 8 bits."""
    coarse = np.random.default_rng(seed).random((4, 5, 3), np.float32)
    smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR) * 0.8 + 0.1
    return np.asarray(np.rint(smooth * 255) / 255, np.float32)


def folder_of(path: Path, count: int, size: tuple[int, int] = (48, 64)) -> Path:
    path.mkdir(parents=True)
    for number in range(count):
        levels = np.rint(photo(number, size) * 255).astype(np.uint8)
        cv2.imwrite(str(path / f"{number:02d}.png"), levels[..., ::-1])
    return path


def darkened(by: float) -> Open[Sample]:
    """Takes so much from every value."""

    def opened(_setting: Setting) -> Restore[Sample]:
        return lambda sample: Made(sample.given - np.float32(by), f"darker by {by}")

    return opened


def needs_a_network(setting: Setting) -> Restore[Sample]:
    setting.published("nothing-of-this-name")
    return keep(setting)


def small_suite(contenders: Mapping[str, Open[Sample]] | None = None) -> Suite[Sample]:
    """Two groups of two photos whose truth is 0.1 darker than what is given."""

    def sample(number: int) -> Sample:
        truth = photo(number)
        return Sample(given=truth + np.float32(0.1), truth=truth)

    def cases(setting: Setting) -> list[Case[Sample]]:
        return [
            Case(f"{number}", lambda number=number: sample(number), group)
            for group in ("first", "second")
            for number, _ in setting.chosen([1, 2])
        ]

    chosen = {INPUT: keep, "half": darkened(0.05), "whole": darkened(0.1)}
    return Suite("small", "A suite.", cases, contenders or chosen, (PSNR, CHANGED))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(small_suite(), Setting(Path()), thumbnails=True)


def test_figures_are_those_of_arithmetic(found: Evaluation) -> None:
    assert found.contenders == (INPUT, "half", "whole")
    assert found.groups == ("first", "second")
    assert found.summary(PSNR, INPUT, "first").mean == pytest.approx(20.0, abs=1e-3)
    half = found.summary(PSNR, "half", "second")
    assert half.median == pytest.approx(20.0 * math.log10(20.0), abs=1e-3)
    assert half.count == 2
    assert found.summary(CHANGED, INPUT, "first").worst == 0.0
    assert found.summary(CHANGED, "half", "first").median == 100.0


def test_a_picture_that_is_too_small_for_a_metric_has_no_figure() -> None:
    def cases(_setting: Setting) -> list[Case[Sample]]:
        tiny = photo(1, (8, 300))
        return [Case("tiny", lambda: Sample(given=tiny, truth=tiny))]

    suite = Suite("small", "A suite.", cases, {INPUT: keep}, (SSIM, PSNR))
    found = evaluate(suite, Setting(Path()))
    figures = found.judged[0].attempts[INPUT].figures
    assert math.isnan(figures[SSIM.name])
    assert figures[PSNR.name] == math.inf
    json.loads(to_json(found, STAMP))


def test_what_goes_wrong_with_a_picture_names_it() -> None:
    def fails(_setting: Setting) -> Restore[Sample]:
        def restore(_sample: Sample) -> Made:
            raise ModelError("it cannot compute this")

        return restore

    with pytest.raises(ResilverError, match=r"^0 \(first\): it cannot compute this"):
        evaluate(small_suite({INPUT: keep, "other": fails}), Setting(Path()))


def test_a_name_cannot_move_the_cursor(found: Evaluation) -> None:
    judged = tuple(replace(one, name="a\x1b[31m\nb") for one in found.judged)
    assert "\x1b" not in to_markdown(replace(found, judged=judged))


def test_contenders_are_held_against_the_baseline(found: Evaluation) -> None:
    held = found.comparison(PSNR, "half", "first")
    assert held.median == pytest.approx(20.0 * math.log10(2.0), abs=1e-3)
    assert (held.better, held.count) == (2, 2)
    assert found.comparison(CHANGED, "half", "first").better == 0  # the input changes nothing
    other = evaluate(small_suite(), Setting(Path()), against="half")
    assert other.comparison(PSNR, INPUT, "first").median == pytest.approx(-held.median, abs=1e-3)


def one_attempt(name: str, **figures: float) -> Judged:
    attempts = {key: Attempt({"PSNR": value}, 2.0, 0.5) for key, value in figures.items()}
    return Judged(name, "", attempts)


def test_unknown_and_infinite_figures_keep_their_meaning() -> None:
    judged = (
        one_attempt("a", input=20.0, ours=math.inf),
        one_attempt("b", input=math.inf, ours=math.inf),
        one_attempt("c", input=30.0, ours=31.0),
        one_attempt("d", input=math.nan, ours=25.0),
    )
    found = Evaluation("s", "", INPUT, (PSNR,), judged, (), Setting(Path()), {})
    ours = found.summary(PSNR, "ours", "")
    assert (ours.count, ours.worst, ours.worst_name, ours.upper) == (4, 25.0, "d", math.inf)
    held = found.comparison(PSNR, "ours", "")
    assert (held.median, held.better, held.count) == (1.0, 2, 3)
    assert found.seconds_per_megapixel("ours") == 4.0
    value = json.loads(to_json(found, STAMP))
    figures = [one["contenders"]["input"]["figures"]["PSNR"] for one in value["pictures"]]
    assert figures == [20.0, "Infinity", 30.0, None]


def test_ratios_of_nothing_to_nothing_are_one() -> None:
    def judged(name: str, mine: float, other: float) -> Judged:
        pairs = {INPUT: other, "ours": mine}
        figures = {key: {COLOUR_DISTANCE.name: value} for key, value in pairs.items()}
        return Judged(name, "", {key: Attempt(one, 1.0, 1.0) for key, one in figures.items()})

    cases = (judged("a", 0.0, 0.0), judged("b", 1.0, 4.0), judged("c", 3.0, 0.0))
    found = Evaluation("s", "", INPUT, (COLOUR_DISTANCE,), cases, (), Setting(Path()), {})
    held = found.comparison(COLOUR_DISTANCE, "ours", "")
    assert (held.median, held.better) == (1.0, 1)
    assert "x 1.00" in to_markdown(found)


def test_neither_too_little_nor_too_much_is_best() -> None:
    def judged(name: str, **values: float) -> Judged:
        figures = {key: {COLOURFULNESS.name: value} for key, value in values.items()}
        return Judged(name, "", {key: Attempt(one, 1.0, 1.0) for key, one in figures.items()})

    cases = (
        judged("a", input=0.5, ours=0.9),
        judged("b", input=0.9, ours=1.6),
        judged("c", input=1.0, ours=1.05),
    )
    found = Evaluation("s", "", INPUT, (COLOURFULNESS,), cases, (), Setting(Path()), {})
    ours = found.summary(COLOURFULNESS, "ours", "")
    assert (ours.worst, ours.worst_name) == (1.6, "b")
    assert found.summary(COLOURFULNESS, INPUT, "").worst_name == "a"
    assert found.comparison(COLOURFULNESS, "ours", "").better == 1
    assert "colourfulness: nearer to 1 is better" in to_markdown(found)


def test_tables_name_every_contender_and_group(found: Evaluation) -> None:
    text = to_markdown(found)
    for words in (
        "first: half",
        "second: whole",
        "against input",
        "2 of 2",
        "2 (first), 2 (second",
    ):
        assert words in text
    assert "trial" not in text
    assert "A trial" in to_markdown(evaluate(small_suite(), Setting(Path(), photos=1)))


def test_what_has_no_network_is_left_out_and_said_so() -> None:
    suite = small_suite({INPUT: keep, "published": needs_a_network})
    found = evaluate(suite, Setting(Path(), weights=Path("nowhere")))
    assert found.contenders == (INPUT,)
    assert "Left out: published: nowhere/nothing-of-this-name.onnx" in to_markdown(found)
    with pytest.raises(ModelError, match="--weights"):
        evaluate(suite, Setting(Path()), against="published")


def test_unknown_names_are_one_clear_line() -> None:
    with pytest.raises(OptionError, match="unknown suite 'denoize'; there are: clean, sound, aged"):
        suite_named("denoize")
    with pytest.raises(OptionError, match="no contender 'other'; there are: input, half, whole"):
        evaluate(small_suite(), Setting(Path()), against="other")
    with pytest.raises(OptionError, match="takes no further networks"):
        evaluate(small_suite(), Setting(Path()), networks={"mine": Path("mine.onnx")})
    with pytest.raises(OptionError, match="'resilver' already"):
        evaluate(SUITES["denoise"], Setting(Path()), networks={"resilver": Path("mine.onnx")})


@pytest.mark.parametrize("name", SUITES)
def test_a_missing_folder_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoMissing, match=str(tmp_path)):
        evaluate(SUITES[name], Setting(tmp_path))


def test_every_suite_is_in_the_table() -> None:
    folder = Path(declared.__file__).parent
    made: set[str] = set()
    for path in folder.glob("*.py"):
        if path.stem != "__init__":
            module = __import__(f"resilver.evaluate.declared.{path.stem}", fromlist=["*"])
            made |= {one.name for one in vars(module).values() if isinstance(one, Suite)}
    assert made == set(SUITES)
    page = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text("utf-8")
    for name, suite in SUITES.items():
        assert f"`{name}`" in page, f"docs/evaluate.md does not know {name}"
        assert suite.baseline in suite.contenders
        assert suite.sentence.endswith(".")


def test_pixels_outside_of_the_region_do_not_count() -> None:
    truth = photo(1)
    region = np.zeros(truth.shape[:2], np.bool_)
    region[:10] = True
    wrong = truth.copy()
    wrong[10:] += np.float32(0.1)
    sample = Sample(given=truth, truth=truth, region=region)
    inside, outside = (metric.open(Setting(Path())) for metric in (PSNR, PSNR_OUTSIDE))
    assert inside(sample, wrong) == math.inf
    assert outside(sample, wrong) == pytest.approx(20.0, abs=1e-3)
    nowhere = replace(sample, region=np.zeros_like(region))
    assert math.isnan(inside(nowhere, wrong))
    with pytest.raises(ValueError, match="no truth"):
        inside(Sample(given=truth), wrong)


def test_noise_of_a_trial_is_that_of_the_whole_suite(tmp_path: Path) -> None:
    folder_of(tmp_path / "kodak", 3)
    suite = SUITES["denoise"]
    whole = {(c.group, c.name): c for c in suite.cases(Setting(tmp_path))}
    trial = suite.cases(Setting(tmp_path, photos=2))
    assert [one.name for one in trial] == ["00", "02"] * 3
    for one in trial:
        first, again = one.read(), whole[one.group, one.name].read()
        np.testing.assert_array_equal(first.given, again.given)
        noise_255 = 255 * float((first.given - first.true).std())
        assert noise_255 == pytest.approx(first.sigma_255, rel=0.05)


def test_denoising_takes_part_and_gains(tmp_path: Path) -> None:
    folder_of(tmp_path / "kodak", 1, (64, 64))
    found = evaluate(SUITES["denoise"], Setting(tmp_path, threads=1))
    assert found.contenders == (INPUT, "resilver", "non-local means")  # no published network here
    for group in found.groups:
        for contender in ("resilver", "non-local means"):
            gained = found.summary(PSNR, contender, group).mean
            assert gained > found.summary(PSNR, INPUT, group).mean + 3.0


def test_faded_photos_are_far_from_the_good_ones(tmp_path: Path) -> None:
    for name in ("clean", "kodak"):
        folder_of(tmp_path / name, 1)
    aged = tmp_path / "aged"
    aged.mkdir()
    levels = np.rint(photo(7) * 255).astype(np.uint8)[..., ::-1]
    for part in ("intact.webp", "clean.webp"):
        cv2.imwrite(str(aged / f"000_{part}"), levels)
    (aged / "index.csv").write_text("id,mono,faded\n000,0,0\n", "utf-8")
    found = evaluate(SUITES["tone"], Setting(tmp_path, threads=1))
    middle = {g: found.summary(COLOUR_DISTANCE, INPUT, g).median for g in found.groups}
    assert middle["good"] == middle["aged, not by us"] == 0.0
    assert min(middle["evenly faded"], middle["unevenly faded"]) > 1.0
    assert found.comparison(COLOUR_DISTANCE, "grey-world + CLAHE", "good").median == math.inf


def test_fills_are_judged_inside_the_damage(shared: Path) -> None:
    setting = Setting(shared / "data" / "eval", photos=1, threads=1)
    quick = {name: SUITES["repair"].contenders[name] for name in (INPUT, "telea", "patchmatch")}
    found = evaluate(replace(SUITES["repair"], contenders=quick), setting)
    inside, outside = found.metrics
    gain = found.summary(inside, "telea", "").mean - found.summary(inside, INPUT, "").mean
    assert gain > 1.0
    assert found.summary(outside, "telea", "").mean == found.summary(outside, INPUT, "").mean


def test_faces_are_judged_by_the_published_networks(shared: Path) -> None:
    setting = Setting(shared / "data" / "eval", shared / "weights", photos=1)
    suite = SUITES["faces256"]
    found = evaluate(replace(suite, contenders={INPUT: keep}), setting)
    assert [metric.name for metric in found.metrics] == ["perceptual distance", "identity", "PSNR"]
    for metric in found.metrics:
        mild, severe = (found.summary(metric, INPUT, f"{w} wear").mean for w in ("mild", "severe"))
        assert metric.is_better(mild, severe)


def test_a_measure_without_settings_is_itself() -> None:
    opened = without_settings(lambda _sample, _picture: 3.0)(Setting(Path()))
    assert opened(Sample(given=photo(1)), photo(1)) == 3.0
