"""The stage `upscale`: larger where asked, without seams, true to the pixels, and told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import enlarger, face_network
from resilver import Options, Photo, Pipeline, Report, restore
from resilver.errors import ModelError, OptionError
from resilver.imaging.enlarging import enlarge_tiles, plainly_enlarged
from resilver.imaging.resizing import resized
from resilver.models.store import FOLDER_VARIABLE, StoredModel
from resilver.photo import Metadata
from resilver.photofile.source_types import ENHANCED, INPAINTED_BY_NETWORK
from resilver.pipeline import decide
from resilver.reporting import to_html, to_json
from resilver.reporting.source_type import digital_source_type
from resilver.reporting.words import deed, headline, larger
from resilver.stages.draft import Draft, Mark
from resilver.stages.upscale import Enlarger, UpscaleStage, enlarged

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faithful(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return enlarger(tmp_path_factory.mktemp("models"), "upscale")


@pytest.fixture(scope="module")
def vivid(tmp_path_factory: pytest.TempPathFactory) -> StoredModel:
    return enlarger(tmp_path_factory.mktemp("models"), "vivid", amount=0.1)


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of imported networks: one of scale 4 that draws a grid, one of scale 2, a liar."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    enlarger(tmp_path / "mine", "crisp", amount=0.1)
    enlarger(tmp_path / "mine", "double", scale=2)
    enlarger(tmp_path / "mine", "still", scale=1)
    return tmp_path / "mine"


def small() -> Picture:
    return np.asarray(cv2.resize(astronaut(), (96, 80), interpolation=cv2.INTER_AREA), np.uint8)


def larger_draft(stage: UpscaleStage, photo: Photo, *, marked: bool = False) -> Draft:
    marks = np.zeros(photo.size, np.uint8) if marked else None
    return stage.apply(Draft(photo, marks), 1.0, lambda _share: None)


def off_255(picture: NDArray[np.float32]) -> float:
    """Root mean square of the difference from the small picture."""
    return float(np.sqrt(np.square(255.0 * picture - small()).mean()))


def of_255(photo: Photo) -> NDArray[np.float64]:
    return photo.pixels.astype(np.float64) / 257


@pytest.mark.parametrize("factor", [2, 4])
def test_the_bundled_network_is_faithful(factor: int) -> None:
    """Reduced again, its result is the photo to within two grey levels."""
    photo, _ = restore(small(), Options(only=("upscale",), upscale=factor, vivid=0.0, threads=1))
    back = resized((photo.pixels / 65535.0).astype(np.float32), (80, 96))
    assert off_255(back) < 2.0


@pytest.mark.parametrize("factor", [2, 4])
def test_the_result_goes_back_to_what_was_given(faithful: StoredModel, factor: int) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), factor, threads=1)  # type: ignore[arg-type]
    photo = larger_draft(stage, Photo.from_array(small())).photo
    assert photo.size == (80 * factor, 96 * factor)
    assert photo.pixels.dtype == np.uint16
    back = resized((of_255(photo) / 255).astype(np.float32), (80, 96))
    # As near as the bicubic itself goes back; a picture that is off by a pixel is far from it.
    assert off_255(back) < 8.0
    assert off_255(np.roll(back, 1, axis=1)) > 25.0


def test_tiles_leave_no_seam(faithful: StoredModel) -> None:
    network = faithful.open(1)
    pixels = np.asarray(cv2.resize(astronaut(), (300, 280)), np.uint8)
    whole = enlarged(network, pixels.astype(np.float32) / 255, 4)
    tiled = enlarge_tiles(
        pixels, lambda tile, _area: enlarged(network, tile, 4), 4, 192, lambda _share: None
    )
    off = np.abs(tiled / 65535.0 - np.clip(whole, 0, 1))
    assert off.max() < 1.5 / 65535


def test_strips_make_one_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (37, 20, 3), dtype=np.uint16)
    whole = plainly_enlarged(pixels, 4, slice(0, 148))
    assert whole.shape == (148, 80, 3)
    strips = [
        plainly_enlarged(pixels, 4, slice(top, min(top + 50, 148))) for top in range(0, 148, 50)
    ]
    np.testing.assert_array_equal(np.concatenate(strips), whole)


def test_sixteen_bits_stay_and_grey_stays_grey(faithful: StoredModel) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), 4, threads=1)
    ramp = np.linspace(20000, 20500, 64 * 48).reshape(48, 64).astype(np.uint16)
    photo = larger_draft(stage, Photo.from_array(ramp)).photo
    assert photo.grey
    assert (photo.pixels == photo.pixels[..., :1]).all()
    assert len(np.unique(photo.pixels)) > 400  # of 8 bits there would be three
    assert photo.bit_depth == 16


def test_alpha_and_resolution_grow_with_it(faithful: StoredModel) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), 2, threads=1)
    given = Photo.from_array(np.dstack((small(), np.full((80, 96), 200, np.uint8))))
    given = given.evolve(metadata=Metadata(dpi=(300.0, 150.0)))
    photo = larger_draft(stage, given).photo
    assert photo.alpha is not None
    assert photo.alpha.shape == (160, 192)
    assert (photo.alpha == 200 * 257).all()
    assert photo.metadata.dpi == (600.0, 300.0)  # the print stays as large as it was


def cut_out(hidden: int) -> Picture:
    """A light disc on nothing, whose hidden pixels have this level; its rim is half transparent."""
    y, x = np.mgrid[:64, :64]
    alpha = np.clip(20.5 - np.hypot(y - 32, x - 32), 0, 1) * 255
    pixels = np.where(alpha > 0, 220, hidden).astype(np.uint8)
    return np.dstack((*(pixels,) * 3, np.rint(alpha).astype(np.uint8)))


@pytest.mark.parametrize("factor", [2, 4])
def test_what_is_hidden_does_not_show_at_the_rim_of_a_cut_out(
    faithful: StoredModel, factor: int
) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), factor, threads=1)  # type: ignore[arg-type]
    for hidden in (0, 255):
        photo = larger_draft(stage, Photo.from_array(cut_out(hidden))).photo
        assert photo.alpha is not None
        assert np.abs(of_255(photo)[photo.alpha > 0] - 220).max() < 3
        # Where nobody sees them colours are as they were.
        assert np.abs(of_255(photo)[0, 0] - hidden).max() < 1


def test_what_is_hidden_is_not_made_up(faithful: StoredModel, vivid: StoredModel) -> None:
    stage = UpscaleStage(Enlarger(faithful, vivid, 0.5), 4, threads=1)
    draft = larger_draft(stage, Photo.from_array(cut_out(0)), marked=True)
    assert draft.marks is not None
    assert draft.photo.alpha is not None
    made_up = (draft.marks & np.uint8(Mark.INVENTED)) > 0
    assert made_up[draft.photo.alpha > 0].mean() > 0.5
    assert not made_up[draft.photo.alpha == 0].any()
    # What an earlier stage made up stays marked.
    filled = Draft(Photo.from_array(cut_out(0)), np.full((64, 64), Mark.INVENTED, np.uint8))
    later = stage.apply(filled, 1.0, lambda _share: None).marks
    assert later is not None
    assert (later & np.uint8(Mark.INVENTED)).all()


def test_what_is_drawn_is_marked_as_made_up(faithful: StoredModel, vivid: StoredModel) -> None:
    photo = Photo.from_array(small())
    true = UpscaleStage(Enlarger(faithful, None, 0.0), 4, threads=1)
    marks = larger_draft(true, photo, marked=True).marks
    assert marks is not None
    assert marks.shape == (320, 384)
    assert not (marks & np.uint8(Mark.INVENTED)).any()
    drawn = UpscaleStage(Enlarger(faithful, vivid, 0.5), 4, threads=1)
    marks = larger_draft(drawn, photo, marked=True).marks
    assert marks is not None
    assert (marks & np.uint8(Mark.INVENTED) > 0).mean() > 0.9


def test_damage_stays_where_it_was(faithful: StoredModel) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), 4, threads=1)
    marks = np.zeros((80, 96), np.uint8)
    marks[10, 20] = Mark.SCRATCH
    draft = stage.apply(Draft(Photo.from_array(small()), marks), 1.0, lambda _share: None)
    assert draft.marks is not None
    assert draft.enlargement is not None
    ys, xs = np.nonzero(draft.marks)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (40, 43, 80, 83)
    assert draft.enlargement.factor == 4
    np.testing.assert_array_equal(draft.enlargement.before, small())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_two_networks_are_mixed(
    faithful: StoredModel, vivid: StoredModel, share: float
) -> None:
    models = Enlarger(faithful if share < 1.0 else None, vivid if share > 0.0 else None, share)
    flat = Photo.from_array(np.full((40, 40, 3), 128, np.uint8))
    photo = larger_draft(UpscaleStage(models, 4, threads=1), flat).photo
    spread = float(np.ptp(of_255(photo)))
    assert spread == pytest.approx(share * 0.2 * 255, abs=0.2)
    with pytest.raises(ValueError, match="only there"):
        Enlarger(faithful, vivid, 1.0)


@pytest.mark.parametrize(
    ("longest", "factor", "act"), [(300, 4, True), (401, 2, True), (799, 2, True), (800, 2, False)]
)
def test_auto_enlarges_what_is_tiny(
    faithful: StoredModel, longest: int, factor: int, act: bool
) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), "auto", threads=1)
    photo = Photo.from_array(np.zeros((20, longest), np.uint8))
    finding, _ = stage.diagnose(Draft(photo), lambda _share: None)
    assert finding.act is act
    assert stage.factor(longest) == factor


def test_too_much_is_left_alone(faithful: StoredModel) -> None:
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), 4, max_megapixels=0.1, threads=1)
    draft = Draft(Photo.from_array(small()))
    finding, _ = stage.diagnose(draft, lambda _share: None)
    assert not finding.act
    assert "4 times as large it would have" in finding.words
    assert decide(finding, Options(upscale=4, force=("upscale",))) == (0.0, "not possible")


def test_what_cannot_be_enlarged_is_told_so() -> None:
    """Not that nothing needed mending, nor that it was enlarged."""
    options = Options(only=("upscale",), upscale=4, max_megapixels=0.1, threads=1)
    for asked in (options, replace(options, force=("upscale",))):
        photo, report = restore(small(), asked)
        assert photo.size == report.size
        words = "The photo comes back as it was. Enlarging was not possible."
        assert headline(report) == words
        assert deed(report.stages[0]) == "Left alone: not possible."
    _, report = restore(small(), replace(options, only=(), denoise=1.0))
    assert headline(report).startswith("We took off grain and noise. ")
    assert headline(report).endswith(" Enlarging was not possible.")


@pytest.mark.parametrize(
    ("options", "longest", "factor"),
    [
        (Options(threads=1), 100, 1),
        (Options(upscale=4, threads=1), 900, 4),
        (Options(upscale=4, max_megapixels=0.01, threads=1), 900, 1),
        (Options(upscale="auto", threads=1), 100, 4),
        (Options(upscale="auto", threads=1), 900, 1),
        (Options(only=("upscale", "denoise"), skip=("upscale",), threads=1), 100, 1),
    ],
)
def test_how_much_larger_a_result_will_be_is_known_before(
    options: Options, longest: int, factor: int
) -> None:
    photo = Photo.from_array(np.zeros((20, longest), np.uint8))
    assert Pipeline(options).enlargement(photo) == factor


def run(options: Options) -> tuple[Photo, Report]:
    return restore(small(), options)


def test_an_imported_network_enlarges(imported: Path, tmp_path: Path) -> None:
    """The whole run with it: sizes, report, page, metadata and file."""
    options = Options(only=("upscale",), upscale=4, upscale_model="crisp", threads=1)
    photo, report = run(options)
    assert photo.size == report.result_size == (320, 384)
    assert (report.size, report.enlarged) == ((80, 96), 4)
    assert report.before.shape == report.after.shape == (320, 384, 3)
    assert report.changed.shape == report.invented.shape == report.damage.shape == (320, 384)
    assert report.changed_share > 0.9
    assert report.invented_share > 0.9
    assert digital_source_type(report) == INPAINTED_BY_NETWORK
    assert report.stages[0].why == "asked for"
    values = json.loads(to_json(report))
    assert values["result_size"] == {"height": 320, "width": 384}
    assert values["size"] == {"height": 80, "width": 96}
    assert larger(report) == ", enlarged 4 times to 384 x 320 px"
    page = to_html(report)
    assert "enlarged 4 times to 384 x 320 px" in page
    assert "fewer pixels than you see now" in page
    photo.save(tmp_path / "large.png")
    again = Photo.open(tmp_path / "large.png")
    assert again.size == (320, 384)


def test_networks_of_other_scales(imported: Path) -> None:
    """One of scale 2 goes twice for x4; what one of scale 4 gives is reduced for x2."""
    four, _ = run(Options(only=("upscale",), upscale=4, upscale_model="double", threads=1))
    two, _ = run(Options(only=("upscale",), upscale=2, upscale_model="crisp", threads=1))
    assert (four.size, two.size) == ((320, 384), (160, 192))
    for photo in (four, two):
        back = resized((of_255(photo) / 255).astype(np.float32), (80, 96))
        assert off_255(back) < 12.0
    with pytest.raises(ModelError, match="does not make photos larger"):
        Pipeline(Options(upscale=2, upscale_model="still"))


def test_nothing_is_enlarged_unasked(imported: Path) -> None:
    assert "upscale" not in [stage.name for stage in Pipeline(Options()).stages]
    photo, report = run(Options(skip=("upscale",), only=("upscale", "denoise")))
    assert photo.size == (80, 96)
    assert [record.finding.stage for record in report.stages] == ["denoise"]


def test_without_a_word_both_are_mixed_unless_one_has_limits_on_its_use() -> None:
    def networks(**asked: Any) -> list[list[str]]:
        stages = Pipeline(Options(only=("upscale",), upscale=4, **asked)).stages
        return [[card.name for card in stage.cards] for stage in stages]

    assert networks() == [["upscale", "vivid"]]
    assert networks(vivid=0.0) == networks(licence="clean") == [["upscale"]]
    assert networks(vivid=1.0) == [["vivid"]]
    with pytest.raises(OptionError, match="upscale is asked for, and licence clean leaves it out"):
        networks(vivid=1.0, licence="clean")


def test_options_that_make_no_sense(imported: Path) -> None:
    with pytest.raises(OptionError, match="2, 4 or auto"):
        Options(upscale=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="vivid is a strength"):
        Options(vivid=1.5)
    with pytest.raises(OptionError, match="vivid mixes the bundled"):
        Options(upscale=2, vivid=0.5, upscale_model="crisp")
    with pytest.raises(ModelError, match="no network is called"):
        Pipeline(Options(upscale=2, upscale_model="nobody"))


def test_a_faithful_enlargement_invents_nothing(faithful: StoredModel) -> None:
    """By its report and its metadata, once it is more than the plain way."""
    pipeline = Pipeline(Options(only=("denoise",)))
    pipeline.stages = (UpscaleStage(Enlarger(faithful, None, 0.0), 4, threads=1),)
    pipeline.options = Options(upscale=4)
    _, report = pipeline.restore(Photo.from_array(small()))
    assert report.invented_share == 0.0
    assert digital_source_type(report) in (None, ENHANCED)
    assert "between the pixels of the scan is estimated" in to_html(report)


def test_a_face_of_few_pixels_does_not_become_one_of_many(
    faithful: StoredModel, tmp_path: Path
) -> None:
    """What is too small or hidden is judged by what there was, not by what it was enlarged to."""
    from resilver.models.store import bundled_model
    from resilver.stages.faces import FacesStage

    faces = FacesStage(bundled_model("detect"), face_network(tmp_path), threads=1)
    tiny = np.asarray(cv2.resize(astronaut(), (72, 72), interpolation=cv2.INTER_AREA), np.uint8)
    upscale = UpscaleStage(Enlarger(faithful, None, 0.0), 4, threads=1)
    draft = upscale.apply(Draft(Photo.from_array(tiny)), 1.0, lambda _share: None)
    _, judged = faces.diagnose(draft, lambda _share: None)
    assert [face.verdict for face in judged.faces] == ["too small"]
    unknowing = Draft(draft.photo)
    _, judged = faces.diagnose(unknowing, lambda _share: None)
    assert [face.verdict for face in judged.faces] == ["lost detail"]


def test_auto_does_not_call_impossible_what_nobody_wants(faithful: StoredModel) -> None:
    """A photo that is not tiny is left as it is, whatever it would come to."""
    draft = Draft(Photo.from_array(np.zeros((600, 900), np.uint8)))
    stage = UpscaleStage(Enlarger(faithful, None, 0.0), "auto", max_megapixels=1.0, threads=1)
    finding, _ = stage.diagnose(draft, lambda _share: None)
    assert (finding.act, finding.possible) == (False, True)
    assert finding.words.endswith("not tiny.")
    told, _ = replace(stage, told=True).diagnose(draft, lambda _share: None)
    assert (told.act, told.possible) == (False, False)
