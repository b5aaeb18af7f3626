"""The pipeline: who decides, what is reported, what impossible options say."""

from __future__ import annotations

import json
import pickle
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from resilver.errors import ModelError, OptionError, PhotoTooLarge
from resilver.imaging.colouring import ColourHint
from resilver.making import build_stages
from resilver.models.store import bundled_model
from resilver.options import OF_STAGES
from resilver.photo import Photo
from resilver.photofile.source_types import ENHANCED, INPAINTED
from resilver.pipeline import Options, Pipeline, decide, restore
from resilver.report import StageRecord
from resilver.reporting import to_html, to_json, to_table
from resilver.reporting.source_type import digital_source_type
from resilver.reporting.words import headline
from resilver.stages import STAGES
from resilver.stages.draft import Finding


def noisy(sigma: float = 20.0, size: tuple[int, int] = (128, 160)) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 190, size[1])[None, :, None]
    levels = ramp + rng.normal(0, sigma, (*size, 3))
    return np.clip(levels, 0, 255).astype(np.uint8)


def default_stages() -> tuple[str, ...]:
    """With a network for faces where one is bundled."""
    return tuple(stage.name for stage in build_stages(Options()))


YES = Finding("denoise", act=True, words="noise")
NO = Finding("denoise", act=False, words="none")
DAMAGED = Finding("repair", act=True, words="scratches")
SOFT = Finding("faces", act=True, words="a face")


@pytest.mark.parametrize(
    ("finding", "options", "strength", "why"),
    [
        (YES, Options(), 1.0, "found"),
        (NO, Options(), 0.0, "nothing to do"),
        (NO, Options(force=("denoise",)), 1.0, "forced"),
        (NO, Options(denoise=0.4), 0.4, "asked for"),
        (NO, Options(denoise=0.4, force=("denoise",)), 0.4, "forced"),
        (YES, Options(denoise=0.0), 0.0, "switched off"),
        (DAMAGED, Options(repair=0.5), 0.5, "found"),
        (DAMAGED, Options(repair=0.0), 0.0, "switched off"),
        (SOFT, Options(), 1.0, "found"),
        (SOFT, Options(fidelity=0.25), 0.75, "found"),
        (SOFT, Options(fidelity=1.0), 0.0, "switched off"),
    ],
)
def test_who_decides(finding: Finding, options: Options, strength: float, why: str) -> None:
    assert decide(finding, options) == (strength, why)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"only": ("polish",)}, "unknown stage 'polish'; there are: repair, denoise, tone, "),
        ({"denoise": 1.5}, "denoise is a strength from 0 to 1, not 1.5"),
        ({"repair": -0.1}, "repair is a strength"),
        ({"fill": "magic"}, "unknown fill 'magic'"),
        ({"mask_mode": "xor"}, "mask mode is one of"),
        ({"tile_px": 8}, "tiles are at least 192 px"),
        ({"threads": 0}, "threads are from 1 to"),
        ({"threads": 100_000}, "threads are from 1 to"),
        ({"threads": 1.5}, "threads is a whole number, not 1.5"),
        ({"threads": True}, "threads is a whole number, not True"),
        ({"tile_px": 512.0}, "tile_px is a whole number, not 512.0"),
        ({"faces": ("1",)}, "a face is a whole number, not '1'"),
        ({"colour_seed": None}, "a seed is a whole number, not None"),
        ({"faces": 1}, r"faces are a tuple of numbers, as in \(1, 3\), not 1"),
        ({"colour_seed": "7"}, "a seed is a whole number, not '7'"),
        ({"colour_seed": 10**5000}, "a seed is far too large"),
        ({"threads": -(10**5000)}, "threads is far too large"),
        ({"faces": (10**5000,)}, "a face is far too large"),
        ({"denoise_model": 3}, "denoise_model is a file, not 3"),
        ({"denoise_model": "a\0.onnx"}, "denoise_model is a file, and none can have the name"),
        ({"licence": "free"}, "a licence is any or clean, not 'free'"),
        ({"mask": [[0, 1]]}, r"a mask is an array \(height, width\), not list"),
        ({"mask": "mask.png"}, r"a mask is an array \(height, width\), not str"),
        ({"force": ("tone",), "skip": ("tone",)}, "tone is forced, and skip leaves it out"),
        ({"force": ("tone",), "only": ("denoise",)}, "tone is forced, and only leaves it out"),
        ({"only": ("denoise",), "skip": ("denoise",)}, "no stage is left to run"),
        ({"only": "denoise"}, r"only is a tuple of stages, as in \('denoise',\), not 'denoise'"),
        ({"skip": "denoise"}, "skip is a tuple of stages"),
        ({"force": None}, "force is a tuple of stages, as in .*, not None"),
        ({"neutral": "no"}, "neutral is True or False, not 'no'"),
        ({"colourise": 1}, "colourise is True or False, not 1"),
    ],
)
def test_impossible_options_fail(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Options(**wrong)


def test_progress_that_is_no_function_is_refused() -> None:
    with pytest.raises(OptionError, match="progress is told by a function, not int"):
        restore(noisy(), progress=3)  # type: ignore[arg-type] (on purpose)


def test_a_mask_of_another_size_names_both_sizes() -> None:
    options = Options(mask=np.zeros((10, 20), np.uint8))
    with pytest.raises(OptionError, match="the mask is 20 x 10 pixels, the photo 160 x 128"):
        Pipeline(options).restore(Photo.from_array(noisy()))


def test_noise_is_measured_and_taken_off() -> None:
    photo, report = restore(noisy(20.0), Options(only=("denoise",), threads=1))
    (record,) = report.stages
    assert record.finding.act
    (measured,) = record.finding.measurements
    assert 14 < measured.value < 26
    left = photo.pixels.astype(np.float64) / 257 - np.linspace(60, 190, 160)[None, :, None]
    assert left[8:-8, 8:-8].std() < 6
    assert report.changed_share > 0.5
    assert report.invented_share == 0.0
    assert record.models[0][0] == "denoise"


@pytest.mark.parametrize("level", [0, 255])
def test_a_border_of_paper_or_of_a_lid_hides_no_noise(level: int) -> None:
    inside = noisy(20.0, (800, 800))
    page = np.pad(inside, ((150, 150), (150, 150), (0, 0)), constant_values=level)
    found: list[float] = []
    for picture in (inside, page):
        _, report = restore(picture, Options(only=("denoise",), denoise=0.0, threads=1))
        found.append(report.stages[0].finding.measurements[0].value)
    assert found[1] == pytest.approx(found[0], rel=0.15)
    bare = np.full((300, 300, 3), level, np.uint8)  # nothing to measure, and nothing to do
    _, report = restore(bare, Options(only=("denoise",), threads=1))
    assert not report.stages[0].acted


def test_every_choice_of_colours_has_seconds_of_its_own() -> None:
    """What its reader does between two of them, such as saving, is no work on the next."""
    photo = Photo.from_array(np.array(astronaut()[:96, :96]))
    choices = Pipeline(Options(only=("colourise",), threads=1)).choices(photo, (0, 1, 2))
    for _photo, report in choices:
        assert report.seconds < sum(stage.seconds for stage in report.stages) + 0.8
        time.sleep(1.0)


def test_a_mask_for_a_repair_that_is_switched_off_is_told() -> None:
    mask = np.zeros((128, 160), np.uint8)
    mask[5:9, 5:9] = 255
    _, report = restore(noisy(), Options(only=("repair",), repair=0.0, threads=1), mask=mask)
    assert report.notices == ("the mask was not used: the stage repair is switched off",)


def test_only_and_skip_choose_stages() -> None:
    assert [s.name for s in Pipeline(Options(only=("denoise",))).stages] == ["denoise"]
    others = ("denoise", "tone", "faces")
    assert [s.name for s in Pipeline(Options(skip=others)).stages] == ["repair"]


def test_a_plan_changes_nothing() -> None:
    pixels = noisy()
    photo = Photo.from_array(pixels)
    plan = Pipeline(Options(threads=1)).plan(photo)
    assert [stage.finding.stage for stage in plan.stages] == list(default_stages())
    np.testing.assert_array_equal(photo.pixels, pixels)


def test_grain_of_a_print_counts_sooner_than_that_of_a_photo_in_colour() -> None:
    """The same noise, laid alike over all channels: over a picture in colour it is left alone."""
    colour = np.array(astronaut()[100:356, 60:316])
    grain = np.random.default_rng(0).normal(0, 5.0, (*colour.shape[:2], 1))
    grey = np.repeat(colour.mean(axis=2, keepdims=True), 3, axis=2)
    stages: list[StageRecord] = []
    for photo in (grey, grey * [1.0, 0.9, 0.7], colour):
        grainy = np.clip(photo + grain, 0, 255).astype(np.uint8)
        _, report = restore(grainy, Options(only=("denoise",), threads=1))
        stages.extend(report.stages)
    assert [stage.acted for stage in stages] == [True, True, False]
    assert [stage.finding.measurements[0].threshold for stage in stages] == [3.2, 3.2, 6.0]
    levels = [stage.finding.measurements[0].value for stage in stages]
    assert all(3.2 < level < 6.0 for level in levels)


@pytest.mark.parametrize(("sigma", "tile_px"), [(15.0, 256), (15.0, 192)])
def test_the_result_does_not_depend_on_tiles(sigma: float, tile_px: int) -> None:
    """Purely local stages: tiled and untiled differ by at most one grey level of 255."""
    pixels = noisy(sigma, (420, 500))
    whole, _ = restore(pixels, Options(only=("denoise",), denoise=1.0, tile_px=2048))
    tiled, _ = restore(pixels, Options(only=("denoise",), denoise=1.0, tile_px=tile_px))
    difference = np.abs(whole.pixels.astype(np.int64) - tiled.pixels.astype(np.int64))
    assert difference.max() <= 257


def test_what_a_brush_left_behind_marks_nothing_and_is_not_refused() -> None:
    wiped = np.zeros((128, 160), np.uint8)
    wiped[50, 60:70] = range(10, 60, 5)
    assert Photo.from_array(wiped).as_mask().max() == 55
    options = Options(only=("repair",), mask=wiped, mask_mode="replace")
    assert restore(noisy(), options)[1].damage_share["painted"] == 0.0


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_mask_file_of_zeros_and_ones_is_refused(kind: type[np.generic]) -> None:
    ones = np.zeros((128, 160), kind)
    ones[40:60] = 1
    mask = Photo.from_array(ones).as_mask()
    with pytest.raises(OptionError, match="marks nothing: its largest value is 1, and damaged is"):
        Options(mask=mask)


def test_a_mask_of_the_whole_photo_is_refused_unless_it_takes_away() -> None:
    whole = np.full((128, 160), 255, np.uint8)
    with pytest.raises(OptionError, match="marks the whole photo"):
        restore(noisy(), Options(only=("repair",), mask=whole))
    whole[:2, :2] = 0  # what is found is filled a little wider: nothing is left of a corner
    with pytest.raises(OptionError, match="marks the whole photo"):
        restore(noisy(), Options(only=("repair",), mask=whole))
    left = Options(only=("repair",), mask=whole, mask_mode="subtract")
    assert restore(noisy(), left)[1].damage_share["painted"] == 0.0


@pytest.mark.parametrize("fill", ["telea", "learned"])
def test_a_mask_that_touches_everything_is_refused(fill: str) -> None:
    hatched = np.zeros((40, 40), np.uint8)
    hatched[::3] = 255
    with pytest.raises(OptionError, match="touches every pixel of the photo: nothing is left"):
        restore(noisy(size=(40, 40)), Options(only=("repair",), mask=hatched, fill=fill))
    hatched[:8] = 0  # from here it can be filled
    _, report = restore(noisy(size=(40, 40)), Options(only=("repair",), mask=hatched, fill=fill))
    assert report.invented_share > 0.5
    assert report.changed_share > 0.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"force": ("repair",), "repair": 0.0}, "repair is forced, and repair 0 switches it off"),
        ({"force": ("faces",), "fidelity": 1.0}, "faces is forced, and fidelity 1 switches it off"),
        ({"force": ("tone",), "tone": 0.0}, "tone is forced, and tone 0 switches it off"),
        ({"repair": "1"}, "repair is a number, not '1'"),
        ({"repair": None}, "repair is a number, not None"),
        ({"tone": None}, "tone is a number, not None"),
        ({"fidelity": "a"}, "fidelity is a number"),
        ({"denoise": True}, "denoise is a number"),
        ({"max_megapixels": "5"}, "max_megapixels is a number"),
        ({"hints": None}, "hints are a tuple of ColourHint, not None"),
        ({"repair": 10**400}, "repair is far too large"),
        ({"fill": np.array([1, 2])}, "fill is a word"),
        ({"licence": 1}, "licence is a word"),
        ({"mask_mode": ["add"]}, "mask_mode is a word"),
        ({"upscale": np.array([1, 2])}, "upscale is 2, 4 or auto"),
        ({"upscale": True}, "upscale is 2, 4 or auto"),
        ({"upscale_model": ["x"]}, "upscale_model is the name of a network"),
        ({"face_model": 3}, "face_model is the name of a network"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Options(**given)


HINT = ColourHint(3, 3, (200, 80, 60))


@pytest.mark.parametrize(
    ("name", "given", "stage"),
    [
        ("repair", 0.5, "repair"),
        ("fill", "telea", "repair"),
        ("denoise", 0.5, "denoise"),
        ("denoise_model", "a.onnx", "denoise"),
        ("tone", 0.5, "tone"),
        ("neutral", True, "tone"),
        ("tone_model", "a.onnx", "tone"),
        ("upscale", 2, "upscale"),
        ("faces", (1,), "faces"),
        ("fidelity", 0.5, "faces"),
        ("face_model", "mine", "faces"),
        ("colourise", True, "colourise"),
        ("hints", (HINT,), "colourise"),
    ],
)
def test_an_option_of_a_stage_that_does_not_run_is_refused(
    name: str, given: object, stage: str
) -> None:
    alone: dict[str, Any] = {name: given}
    Options(**alone)
    with pytest.raises(OptionError, match=f"^{name} has no effect: skip leaves the stage {stage}"):
        Options(**alone, skip=(stage,))
    another = next(other for other in STAGES if other != stage)
    with pytest.raises(OptionError, match=f"^{name} has no effect: only leaves the stage {stage}"):
        Options(**alone, only=(another,))


@pytest.mark.parametrize("stage", ["repair", "denoise", "tone"])
def test_a_stage_may_be_switched_off_and_left_out(stage: str) -> None:
    Options(**{stage: 0.0}, skip=(stage,))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vivid": 0.5}, "^vivid needs upscale 2, 4 or auto$"),
        ({"upscale_model": "mine"}, "^upscale_model needs upscale 2, 4 or auto$"),
        ({"colour_model": "a.onnx"}, "^colour_model needs colourise or hints$"),
        ({"colour_seed": 3}, "^colour_seed needs colourise or hints$"),
    ],
)
def test_what_belongs_to_a_stage_that_nobody_asked_for_is_refused(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        Options(**given)
    stage = "upscale" if "upscale" in said else "colourise"
    Options(only=(stage,), **given)
    Options(force=(stage,), **given)


def test_every_option_goes_with_a_stage_or_with_all_of_them() -> None:
    with_all = {"only", "skip", "force", "mask", "mask_mode", "max_megapixels", "tile_px",
                "threads", "licence"}  # fmt: skip
    with_one = {name for names in OF_STAGES.values() for name in names}
    assert tuple(OF_STAGES) == STAGES
    assert {field.name for field in fields(Options)} == with_all | with_one
    assert not with_all & with_one


def test_lists_become_tuples_that_nobody_can_change() -> None:
    stages, faces, hints = ["faces", "colourise"], [2], [HINT]
    options = Options(only=stages, faces=faces, hints=hints)  # type: ignore[arg-type]
    stages.append("polish")
    assert (options.only, options.faces) == (("faces", "colourise"), (2,))
    assert options.hints == (HINT,)
    assert Options(neutral=np.bool_(True)).neutral is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "stage"),
    [
        ({"only": ("denoise", "tone")}, "tone"),
        ({"force": ("faces",)}, "faces"),
        ({"tone": 0.5}, "tone"),
        ({"fidelity": 0.5}, "faces"),
        ({"colourise": True}, "colourise"),
        ({"upscale": 2, "vivid": 1.0}, "upscale"),
    ],
)
def test_what_is_asked_for_and_not_within_the_licence_is_refused(
    given: dict[str, Any], stage: str
) -> None:
    said = f"the stage {stage} is asked for, and licence clean leaves it out: .* not free for any"
    with pytest.raises(OptionError, match=said):
        Pipeline(Options(licence="clean", **given))
    names = [one.name for one in Pipeline(Options(licence="clean", tone=0.0, upscale=2)).stages]
    assert names == ["denoise", "upscale"]  # what is switched off is not asked for


def test_numbers_of_numpy_are_numbers() -> None:
    options = Options(only=("denoise",), denoise=np.float32(0.5))  # type: ignore[arg-type]
    assert type(options.denoise) is float
    whole = Options(faces=(np.int64(2),), tile_px=np.int32(512), threads=np.uint8(1))  # type: ignore[arg-type] (numpy's, which are no int)
    assert (whole.faces, whole.tile_px, whole.threads) == ((2,), 512, 1)
    assert {type(one) for one in (*whole.faces, whole.tile_px, whole.threads)} == {int}
    assert json.loads(to_json(restore(noisy(), options)[1]))
    assert Options(force=("tone",), tone=0.0, neutral=True).strengths["tone"] == 1.0


def test_what_was_enlarged_did_not_come_back_as_it_was() -> None:
    blank = np.full((20, 20, 3), 255, np.uint8)
    photo, report = restore(blank, Options(only=("upscale",), upscale=2, vivid=0.0))
    assert photo.size == (40, 40)
    assert headline(report).startswith("We enlarged the picture.")
    assert digital_source_type(report) == ENHANCED


def test_colours_that_changed_nothing_are_no_guess() -> None:
    """A mended page without a tone between black and white has no colour to guess."""
    page = np.full((40, 40), 255, np.uint8)
    page[15:25, 15:25] = 0
    mask = np.zeros((40, 40), np.uint8)
    mask[14:26, 14:26] = 255
    options = Options(only=("repair", "colourise"), colourise=True, fill="telea", mask=mask)
    photo, report = restore(page, options)
    assert np.ptp(photo.pixels, axis=2).max() == 0
    assert report.coloured_share == 0.0
    assert "colour is a guess" not in headline(report)
    assert digital_source_type(report) == INPAINTED


def test_of_a_photo_that_comes_back_to_the_bit_nothing_is_made_up() -> None:
    """Filled with what was there: then the scan's own pixels stay, and no file claims otherwise."""
    flat = np.full((40, 40, 3), 200, np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    mask[10:20, 10:20] = 255
    photo, report = restore(flat, Options(only=("repair",), fill="telea", mask=mask))
    np.testing.assert_array_equal(photo.pixels, flat)
    assert (report.changed_share, report.invented_share) == (0.0, 0.0)
    assert report.damage_share["painted"] > 0.0
    assert headline(report).endswith("nothing to change: the photo comes back as it was.")
    assert digital_source_type(report) is None


def test_a_mask_that_may_be_the_wrong_way_round_is_named() -> None:
    inverted = np.full((128, 160), 255, np.uint8)
    inverted[40:60, 50:80] = 0
    options = Options(only=("repair",), mask=inverted, mask_mode="replace", fill="telea")
    words = "the mask marks 97 % of the photo; white marks what is damaged, not sound"
    assert words in restore(noisy(), options)[1].notices
    assert words in Pipeline(options).plan(Photo.from_array(noisy())).notices


@pytest.mark.parametrize("mode", ["add", "replace", "subtract"])
def test_a_mask_that_marks_nothing_is_told(mode: Any) -> None:
    options = Options(only=("repair",), mask=np.zeros((128, 160), np.uint8), mask_mode=mode)
    words = "the mask marks nothing; white marks what is damaged, black what is not"
    assert words in restore(noisy(), options)[1].notices


@pytest.mark.parametrize("options", [5, {"denoise": 0.5}, {}])
def test_options_of_another_class_are_refused(options: Any) -> None:
    words = "options are of the class Options"
    with pytest.raises(OptionError, match=words):
        restore(noisy(), options)
    with pytest.raises(OptionError, match=words):
        Pipeline(options)


def test_a_pipeline_that_has_worked_can_go_to_another_process() -> None:
    pipeline = Pipeline(Options(only=("denoise",), threads=1))
    photo = Photo.from_array(noisy())
    here, _ = pipeline.restore(photo)
    there, _ = pickle.loads(pickle.dumps(pipeline)).restore(photo)
    np.testing.assert_array_equal(there.pixels, here.pixels)


def test_a_mask_that_no_stage_uses_is_told() -> None:
    mask = square()
    _, report = restore(noisy(), Options(only=("denoise",)), mask=mask)
    assert "the mask was not used: the stage repair was left out" in report.notices
    _, report = restore(noisy(), Options(only=("repair",)), mask=mask)
    assert not any("was not used" in notice for notice in report.notices)


def test_of_damage_that_nobody_looked_for_no_share_is_told() -> None:
    calm = np.full((64, 64, 3), 128, np.uint8)
    for options in (Options(skip=("repair", "faces")), Options(licence="clean")):
        report = restore(calm, options)[1]
        assert report.damage_share == {}
        assert json.loads(to_json(report))["damage_share"] == {}
        assert to_html(report)
        assert to_table(report)
    replaced = Options(only=("repair",), mask=square((64, 64)), mask_mode="replace", fill="telea")
    assert set(restore(calm, replaced)[1].damage_share) == {"painted"}


def test_a_mask_mode_needs_a_mask() -> None:
    with pytest.raises(OptionError, match="the mask mode 'replace' needs a mask"):
        restore(noisy(), Options(mask_mode="replace"))


def test_files_of_weights_may_be_named_by_text() -> None:
    path = bundled_model("denoise").path
    options = Options(denoise_model=str(path), tone_model="a.onnx")
    assert (options.denoise_model, options.tone_model) == (path, Path("a.onnx"))
    assert Pipeline(Options(only=("denoise",), denoise_model=str(path))).stages[0].cards


def square(size: tuple[int, int] = (128, 160)) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    mask[40:60, 50:80] = True
    return mask


@pytest.mark.parametrize("scale", [np.bool_(True), np.float32(1.0), np.float64(0.9), np.uint8(255)])
def test_masks_of_every_usual_type_mean_the_same(scale: np.generic) -> None:
    mask = square().astype(scale.dtype) * scale
    options = Options(only=("repair",), mask_mode="replace", fill="telea")
    _photo, report = restore(noisy(), options, mask=mask)
    assert report.damage_share["painted"] == pytest.approx(square().mean())
    assert report.invented_share >= square().mean()
    assert (report.damage != 0).any()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((128, 160, 3), np.uint8), "a mask has two axes"),
        (np.zeros((128, 160), np.int32), "a mask is uint8, bool or float"),
        (np.ones((128, 160), np.uint8), "marks nothing: its largest value is 1, and damaged"),
        (np.full((128, 160), 255.0, np.float32), r"floating-point values lies in \[0, 1\]"),
        (np.full((128, 160), -0.5), r"floating-point values lies in \[0, 1\]"),
        (np.full((128, 160), np.nan), r"floating-point values lies in \[0, 1\]"),
        (np.full((128, 160), 0.5), r"marks nothing: its largest value is 0\.5, and damaged"),
    ],
)
def test_other_masks_fail(mask: NDArray[Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Options(mask=mask)


def test_under_a_clean_licence_what_is_marked_is_mended_all_the_same() -> None:
    options = Options(mask=square(), licence="clean", fill="telea", only=("repair",))
    photo, report = restore(noisy(), options)
    assert report.invented_share >= square().mean()
    assert any("only the damage you marked" in notice for notice in report.notices)
    assert "damage" not in {name for record in report.stages for name, _, _ in record.models}
    assert not np.array_equal(photo.pixels, noisy())


def test_a_network_that_is_no_denoiser_is_refused() -> None:
    with pytest.raises(ModelError, match="'damage' is not a denoiser"):
        Pipeline(Options(denoise_model=bundled_model("damage").path))


def test_a_forced_stage_with_nothing_to_change_claims_nothing() -> None:
    flat = np.full((200, 200, 3), 128, np.uint8)
    mask = np.ones((200, 200), np.bool_)
    options = Options(only=("repair",), force=("repair",), mask=mask, mask_mode="subtract")
    photo, report = restore(flat, options)
    assert report.stages[0].acted
    assert not report.stages[0].changed
    assert headline(report) == (
        "The steps that ran had nothing to change: the photo comes back as it was."
    )
    assert b"digitalsourcetype" not in (photo.metadata.xmp or b"")


def test_progress_rises_to_one() -> None:
    seen: list[tuple[str, float]] = []
    restore(
        noisy(3.0), Options(threads=1), progress=lambda stage, share: seen.append((stage, share))
    )
    shares = [share for _stage, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert {stage for stage, _share in seen} == set(default_stages())


def test_a_file_is_opened_within_the_limit_of_the_options(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Photo.from_array(noisy()).save(file)
    with pytest.raises(PhotoTooLarge) as caught:
        restore(file, Options(max_megapixels=0.01))
    assert caught.value.reason.endswith("more than the limit of 0.01")  # no flag: nobody typed one
    restore(file, Options(only=("denoise",), max_megapixels=0.03, threads=1))


def test_sixteen_bits_stay_sixteen() -> None:
    pixels = noisy().astype(np.uint16) * 257
    photo, report = restore(pixels, Options(threads=1))
    assert photo.bit_depth == report.bit_depth == 16
    assert photo.pixels.dtype == np.uint16


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        (Options(), ()),
        (Options(skip=("denoise",)), ("denoise",)),
        (Options(only=("denoise",)), ("repair", "tone", "faces")),
        (Options(licence="clean"), ("repair", "tone", "faces")),
    ],
)
def test_the_report_knows_what_was_left_out(options: Options, left_out: tuple[str, ...]) -> None:
    """A stage without a network does not count: nobody left it out."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    _photo, report = Pipeline(options).restore(Photo.from_array(grey))
    assert report.left_out == left_out


ACTING: dict[str, dict[str, Any]] = {
    "repair": {"mask": np.pad(np.ones((8, 60), np.uint8) * 255, ((60, 60), (50, 50)))},
    "denoise": {"denoise": 1.0},
    "tone": {"force": ("tone",)},
    "colourise": {"force": ("colourise",)},
    "upscale": {"upscale": 2},
}


@pytest.mark.parametrize("stage", ACTING)
def test_transparency_is_kept_by_every_stage(stage: str, tmp_path: Path) -> None:
    pixels = noisy()
    alpha = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (128, 1))
    given = Photo.from_array(np.dstack((pixels, alpha)))
    photo, report = Pipeline(Options(only=(stage,), threads=1, **ACTING[stage])).restore(given)
    assert [record.acted for record in report.stages] == [True]
    photo.save(tmp_path / "a.png")
    again = Photo.open(tmp_path / "a.png")
    assert again.alpha is not None
    if stage != "upscale":
        np.testing.assert_array_equal(again.alpha, alpha)
    assert again.alpha.shape == again.size
    assert again.bit_depth == 8


@pytest.mark.parametrize("stage", ["repair", "denoise", "upscale"])
def test_black_and_white_stays_so_in_a_file_with_three_channels(stage: str) -> None:
    grey = np.repeat(noisy()[..., :1], 3, axis=2)
    photo, report = Pipeline(Options(only=(stage,), threads=1, **ACTING[stage])).restore(
        Photo.from_array(grey)
    )
    assert [record.acted for record in report.stages] == [True]
    assert not photo.grey
    assert photo.colourless


def test_a_change_that_nobody_can_see_is_none() -> None:
    rng = np.random.default_rng(0)
    levels = 30000 + 257 * 8 * rng.standard_normal((128, 160))
    given = Photo.from_array(np.rint(levels).astype(np.uint16))
    options = Options(only=("denoise",), denoise=0.01, threads=1)
    restored, report = Pipeline(options).restore(given)
    assert report.stages[0].strength == 0.01
    assert report.changed_share == 0.0
    np.testing.assert_array_equal(restored.pixels, given.pixels)
    assert not report.changed.any()


def test_a_picture_of_two_levels_has_no_grain_and_no_damage() -> None:
    rng = np.random.default_rng(0)
    shades = np.tile(np.linspace(0.1, 0.9, 320), (256, 1))
    dots = np.where(rng.random(shades.shape) < shades, np.uint8(255), np.uint8(0))
    restored, report = restore(dots, Options(threads=1))
    assert all("made of dots" in record.finding.words for record in report.stages[:2])
    assert report.changed_share == 0.0
    np.testing.assert_array_equal(restored.pixels[..., 0], dots)
