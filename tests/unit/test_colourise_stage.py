"""The stage `colourise`: colours where they are asked for, and lightness as it was."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import colour_network
from resilver import Options, Photo, Pipeline, restore
from resilver.batch import Naming, restore_each, select
from resilver.errors import ModelError, OptionError
from resilver.imaging.chroma import lightness, luminance, to_lab, with_colours
from resilver.imaging.colouring import ColourHint
from resilver.models.store import StoredModel, bundled_model
from resilver.photofile.source_types import INPAINTED_BY_NETWORK
from resilver.pipeline import decide
from resilver.reporting.page import to_html
from resilver.reporting.source_type import digital_source_type
from resilver.reporting.words import COLOURS_ARE_GUESSES, headline
from resilver.stages.colourise import ColouriseStage
from resilver.stages.draft import Draft, Finding, Mark

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return colour_network(tmp_path_factory.mktemp("models"))


def grey(size: tuple[int, int] = (160, 200)) -> Picture:
    plane = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.uint8)


def sepia() -> Picture:
    plane = grey() / 255.0
    return np.rint(255 * np.stack((plane**0.8, plane, plane**1.3), axis=2)).astype(np.uint8)


def coloured(stage: ColouriseStage, picture: NDArray[np.generic], strength: float = 1.0) -> Draft:
    draft = Draft(Photo.from_array(picture))  # type: ignore[arg-type]
    return stage.apply(draft, strength, lambda _share: None)


def finding_of(stage: ColouriseStage, picture: NDArray[np.generic]) -> Finding:
    return stage.diagnose(Draft(Photo.from_array(picture)), lambda _share: None)[0]  # type: ignore[arg-type]


def lab_of(photo: Photo) -> NDArray[np.float32]:
    return to_lab(photo.pixels.astype(np.float32) / np.float32(65535))


@pytest.mark.parametrize("picture", [grey(), sepia(), grey().astype(np.uint16) * np.uint16(251)])
def test_lightness_stays_as_it_was(model: StoredModel, picture: NDArray[np.generic]) -> None:
    """Black and white, toned, in 16 bits: L* moves by less than a tenth of an 8-bit level."""
    before = Photo.from_array(picture)
    after = coloured(ColouriseStage(model, threads=1), picture).photo
    moved = lightness(luminance(after.pixels)) - lightness(luminance(before.pixels))
    assert np.abs(moved).max() < 0.03
    chroma = np.linalg.norm(lab_of(after)[..., 1:], axis=2)
    assert chroma.mean() > 10


def test_a_grey_photo_is_given_three_channels(model: StoredModel, tmp_path: Path) -> None:
    Photo.from_array(grey()).save(tmp_path / "grey.png")
    options = Options(only=("colourise",), colour_model=model.path, threads=1)
    photo, report = restore(tmp_path / "grey.png", options)
    assert not photo.grey
    assert report.grey, "the scan"
    photo.save(tmp_path / "coloured.png")
    again = Photo.open(tmp_path / "coloured.png")
    assert not again.grey
    assert np.ptp(again.pixels.astype(int), axis=2).mean() > 10


def test_sixteen_bits_stay_sixteen_bits(model: StoredModel) -> None:
    ramp = np.linspace(20_000, 40_000, 128 * 128).reshape(128, 128).astype(np.uint16)
    photo = coloured(ColouriseStage(model, threads=1), ramp).photo
    assert len(np.unique(photo.pixels[..., 1])) > 0.5 * len(np.unique(ramp))
    assert photo.bit_depth == 16


def test_a_photo_in_colour_is_left_alone_unless_forced(model: StoredModel) -> None:
    photo = np.array(astronaut()[::3, ::3])
    finding = finding_of(ColouriseStage(model, threads=1), photo)
    assert not finding.act
    assert "has colours of its own already" in finding.words
    options = Options(only=("colourise",), colour_model=model.path, threads=1)
    result, report = restore(photo, options)
    assert report.coloured_share == 0.0
    np.testing.assert_array_equal(result.pixels, photo)
    _, forced = restore(photo, Options(force=("colourise",), only=("colourise",),
                                       colour_model=model.path, threads=1))  # fmt: skip
    assert forced.coloured_share == 1.0


def test_a_toned_print_counts_as_black_and_white(model: StoredModel) -> None:
    finding = finding_of(ColouriseStage(model, threads=1), sepia())
    assert finding.act
    assert "every colour is a guess" in finding.words
    assert decide(finding, Options(colourise=True)) == (1.0, "asked for")


def test_nobody_asked_nobody_gets_colours(model: StoredModel) -> None:
    assert "colourise" not in [stage.name for stage in Pipeline(Options()).stages]
    for x, red in ((3.0, 200), (3, 200.5)):
        with pytest.raises(OptionError, match="a hint is of whole numbers"):
            ColourHint(x, 3, (red, 80, 60))  # type: ignore[arg-type]
    hint = ColourHint(3, 3, (200, 80, 60))
    for kind in (np.uint8, np.int16, np.uint16):  # such would overflow in `place`
        numbers = np.array([200, 80, 60, 250, 90], kind)
        of_numpy = ColourHint(numbers[3], numbers[4], tuple(numbers[:3]))  # type: ignore[arg-type]
        assert of_numpy == ColourHint(250, 90, (200, 80, 60))
        assert of_numpy.place((100, 400), (160, 640)) == (144, 400)
        assert str(of_numpy) == "250,90,#c8503c"
    for asked in (Options(colourise=True), Options(hints=(hint,)),
                  Options(force=("colourise",)), Options(only=("colourise",))):  # fmt: skip
        assert asked.in_colour
    stages = Pipeline(Options(colourise=True, colour_model=model.path)).stages
    names = [stage.name for stage in stages]
    assert names.index("denoise") < names.index("colourise")
    assert "faces" not in names[: names.index("colourise")]


@pytest.mark.parametrize("size", [(160, 200), (900, 700)])
def test_a_hint_is_honoured_at_its_point(model: StoredModel, size: tuple[int, int]) -> None:
    """Within dE 5 of its colour, as far as the lightness that the photo has there can show it."""
    hints = (
        ColourHint(20, 30, (150, 70, 60)),
        ColourHint(size[1] // 2, size[0] // 2, (60, 120, 70)),
        ColourHint(size[1] - 1, size[0] - 1, (110, 110, 60)),
    )
    picture = 50 + grey(size) // 2  # black shows no colour
    lab = lab_of(coloured(ColouriseStage(model, hints, threads=1), picture).photo)
    plain = lab_of(coloured(ColouriseStage(model, threads=1), picture).photo)
    light = luminance(Photo.from_array(picture).pixels)
    for hint in hints:
        point = light[hint.y : hint.y + 1, hint.x : hint.x + 1]
        wanted = to_lab(with_colours(point, hint.ab[None, None]) / np.float32(65535))[0, 0]
        assert np.linalg.norm(lab[hint.y, hint.x] - wanted) < 5.0
        assert np.linalg.norm(plain[hint.y, hint.x] - wanted) > 8.0


def test_a_hint_outside_of_a_photo_is_told(model: StoredModel) -> None:
    hints = (ColourHint(10, 10, (150, 70, 60)), ColourHint(5000, 10, (150, 70, 60)))
    draft = coloured(ColouriseStage(model, hints, threads=1), grey())
    assert draft.notes == (
        "colours were led by hints: 10,10,#96463c",
        "hints outside of this photo: 1 of 2",
    )
    for given, words in ((hints, "led by one hint"), (hints[1:], "colours of its own:")):
        finding, _ = ColouriseStage(model, given, threads=1).diagnose(
            Draft(Photo.from_array(grey())), lambda _share: None
        )
        assert words in finding.words


def test_seeds_choose_other_colours_and_repeat(model: StoredModel) -> None:
    looks = [
        lab_of(coloured(ColouriseStage(model, seed=seed, threads=1), grey()).photo)
        for seed in (0, 1, 1, 2)
    ]
    np.testing.assert_array_equal(looks[1], looks[2])
    for first, second in ((0, 1), (1, 3), (0, 3)):
        assert np.linalg.norm((looks[first] - looks[second])[..., 1:], axis=2).max() > 10


def test_strips_and_threads_do_not_show(model: StoredModel) -> None:
    tall = grey((900, 700))
    one = coloured(ColouriseStage(model, threads=1), tall).photo.pixels
    many = coloured(ColouriseStage(model, threads=3), tall).photo.pixels
    np.testing.assert_array_equal(one, many)


def test_strength_leads_from_the_scan_to_the_colours(model: StoredModel) -> None:
    stage = ColouriseStage(model, threads=1)
    full = coloured(stage, grey()).photo.pixels.astype(np.float64)
    half = coloured(stage, grey(), 0.5).photo.pixels.astype(np.float64)
    np.testing.assert_allclose(half, (full + 257.0 * grey()[..., None]) / 2, atol=1.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (400, 3)])
def test_photos_of_a_pixel_or_a_line(model: StoredModel, size: tuple[int, int]) -> None:
    photo = coloured(ColouriseStage(model, threads=1), np.full(size, 120, np.uint8)).photo
    assert photo.size == size


def test_of_what_is_filled_in_nothing_is_the_photo_s_own(model: StoredModel) -> None:
    mask = np.zeros((160, 200), np.uint8)
    mask[40:60, 50:90] = 255
    both = Options(
        only=("repair", "colourise"), mask=mask, mask_mode="replace", fill="telea",
        colour_model=model.path, threads=1,
    )  # fmt: skip
    _photo, report = restore(grey(), both)
    assert report.invented_share > 0
    assert "Elsewhere every colour is a guess; how light things are is not." in headline(report)
    page = to_html(report)
    assert "No scan in black and white tells what colours things had." in page
    assert "In those places the scan shows damage instead of the picture." in page
    assert "Everything else but the colours was computed from what the scan shows" in page
    assert "8 bit grey" in page


def test_the_report_calls_every_colour_a_guess(model: StoredModel) -> None:
    options = Options(only=("colourise",), colour_model=model.path, threads=1)
    _photo, report = restore(grey(), options)
    assert report.coloured_share == 1.0
    assert report.invented_share == 0.0
    assert headline(report) == f"We added colour. {COLOURS_ARE_GUESSES}"
    assert digital_source_type(report) == INPAINTED_BY_NETWORK
    draft = coloured(ColouriseStage(model, threads=1), grey())
    assert draft.marks is not None
    assert (draft.marks & np.uint8(Mark.COLOURED) > 0).all()


def test_variants_are_written_beside_the_result(model: StoredModel, tmp_path: Path) -> None:
    Photo.from_array(grey()).save(tmp_path / "aunt.png")
    Photo.from_array(np.array(astronaut()[::4, ::4])).save(tmp_path / "colour.png")
    options = Options(only=("colourise",), colour_model=model.path, threads=1)
    naming = Naming(seeds=(0, 1, 2), reports=("json",))  # one for each colouring
    chosen = select([tmp_path], naming)
    outcomes = list(restore_each(chosen.assignments, Pipeline(options)))
    assert [outcome.error for outcome in outcomes] == [None, None]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "aunt.png", "aunt_restored.png", "aunt_report.json", "aunt-colour1_restored.png",
        "aunt-colour2_restored.png", "colour.png", "colour_restored.png", "colour_report.json",
        "aunt-colour1_report.json", "aunt-colour2_report.json",
    }  # fmt: skip
    told = json.loads((tmp_path / "aunt-colour2_report.json").read_text("utf-8"))["notices"]
    assert told == ["one choice of colours of many: seed 2"]
    first, second = (
        Photo.open(tmp_path / name).pixels.astype(int)
        for name in ("aunt_restored.png", "aunt-colour1_restored.png")
    )
    assert np.abs(first - second).mean() > 1
    one = Options(only=("colourise",), colour_seed=1, colour_model=model.path, threads=1)
    alone, _ = restore(tmp_path / "aunt.png", one)
    np.testing.assert_array_equal(np.rint(alone.pixels / 257), second)
    assert outcomes[0].report is not None
    assert "aunt-colour1_restored.png (seed 1)" in outcomes[0].report.notices[-1]
    again = select([tmp_path], naming)
    assert again.assignments == ()
    assert again.refusals == ()
    assert {one.source.name for one in again.done} == {"aunt.png", "colour.png"}


@pytest.mark.parametrize("moment", ["aunt-colour2_restored.png", "aunt_restored.png"])
def test_an_interrupt_amid_colourings_leaves_none_of_them(
    model: StoredModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Else the next run would find results in its way, and never make the first."""
    Photo.from_array(grey()).save(tmp_path / "aunt.png")
    options = Options(only=("colourise",), colour_model=model.path, threads=1)
    naming = Naming(seeds=(0, 1, 2))
    save = Photo.save

    def stopped(photo: Photo, path: Path, *, overwrite: bool = False) -> None:
        if path.name == moment:
            raise KeyboardInterrupt
        save(photo, path, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(Photo, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            list(restore_each(select([tmp_path], naming).assignments, Pipeline(options)))
    assert [path.name for path in tmp_path.iterdir()] == ["aunt.png"]
    again = select([tmp_path], naming)
    assert [len(one.results) for one in again.assignments] == [3]
    assert again.refusals == ()


@pytest.mark.parametrize(
    "wrong", ["", "1,2", "1,2,red", "1,2,#12345", "-1,2,#123456", "1,2,#123456 "]
)
def test_a_hint_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(OptionError, match="a hint is x,y,#rrggbb"):
        ColourHint.parse(wrong)


def test_a_hint_is_read_and_written(model: StoredModel) -> None:
    hint = ColourHint.parse("120,340,#7a4B2f")
    assert hint == ColourHint(120, 340, (122, 75, 47))
    assert str(hint) == "120,340,#7a4b2f"


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="'denoise' guesses no colours"):
        Pipeline(Options(colourise=True, colour_model=bundled_model("denoise").path))


@pytest.mark.parametrize("colour", [(300, 0, 0), (0, -1, 0), (1, 2)])
def test_a_hint_of_no_colour_fails_at_once(colour: tuple[int, int, int]) -> None:
    with pytest.raises(OptionError, match="three numbers from 0 to 255"):
        ColourHint(1, 2, colour)
    with pytest.raises(OptionError, match="of the class ColourHint"):
        Options(hints=("1,2,#aabbcc",))  # type: ignore[arg-type] (nobody may have checked)
    with pytest.raises(OptionError, match=r"a seed is a whole number, not 1\.5"):
        Options(colour_seed=1.5)  # type: ignore[arg-type] (as above)


def test_the_report_says_which_choice_of_colours_it_was() -> None:
    grey = np.tile(np.linspace(30, 220, 96).astype(np.uint8), (64, 1))
    for seed, said in ((0, ()), (7, ("one choice of colours of many: seed 7",))):
        _, report = restore(grey, Options(only=("colourise",), colour_seed=seed, threads=1))
        assert report.notices == said
