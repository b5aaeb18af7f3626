"""The stage `faces`: whom it restores, whom it leaves alone, and what it tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import face_network, identity_network, sharpener
from resilver.errors import ModelError, OptionError
from resilver.models.store import bundled_model
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline, restore
from resilver.report import Report
from resilver.reporting.words import headline, left_as_asked, unmet
from resilver.stages.detection import SURE, find_faces, placed_again, second_look
from resilver.stages.draft import Draft, Face, FaceVerdict, Mark
from resilver.stages.faces import FacesStage
from resilver.stages.identity import WARN_BELOW

Picture = NDArray[np.uint8]
DETECT = bundled_model("detect")


def portrait() -> Picture:
    """A sharp face whose eyes are 43 px apart."""
    return np.ascontiguousarray(astronaut()[:280, 60:360])


def soft(picture: Picture, sigma_px: float = 3.0) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.uint8)


def couple() -> Picture:
    """Two faces beside each other, both soft."""
    return np.concatenate((soft(portrait()), soft(portrait())[:, ::-1]), axis=1)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of imported networks with a restorer called `sharpener` in it."""
    folder = tmp_path / "models"
    monkeypatch.setenv("RESILVER_MODELS", str(folder))
    face_network(folder)
    return folder


def run(picture: NDArray[np.generic], **options: object) -> tuple[Photo, Report]:
    chosen = Options(only=("faces",), face_model="sharpener", threads=1, **options)  # type: ignore[arg-type]
    return restore(picture, chosen)  # type: ignore[arg-type]


def verdicts(faces: tuple[Face, ...]) -> list[FaceVerdict]:
    return [face.verdict for face in faces]


def detail(pixels: NDArray[np.generic], box: tuple[float, ...]) -> float:
    """Fine detail in a box, grey levels of 255."""
    left, top, right, bottom = (round(value) for value in box)
    part = pixels[top:bottom, left:right].astype(np.float32)
    part = part / np.float32(np.iinfo(pixels.dtype).max) * 255  # type: ignore[type-var]
    return float((part - cv2.GaussianBlur(part, (0, 0), 3)).std())


def test_a_soft_face_is_restored_and_nothing_around_it(models: Path) -> None:
    picture = soft(portrait())
    photo, report = run(picture)
    (face,) = report.faces
    assert (face.number, face.verdict, face.restored) == (1, "lost detail", True)
    assert "detail is lost" in face.words
    assert detail(photo.pixels, face.box) > 1.3 * detail(picture, face.box)
    left, top, right, bottom = face.box
    wide, high = right - left, bottom - top
    far = np.ones(picture.shape[:2], np.bool_)
    far[
        max(round(top - 0.6 * high), 0) : round(bottom + 0.4 * high),
        max(round(left - 0.6 * wide), 0) : round(right + 0.6 * wide),
    ] = False
    assert far.any()
    np.testing.assert_array_equal(photo.pixels[far], picture[far].astype(np.uint16) * 257)


def test_numbers_are_those_of_the_photo_as_it_came(models: Path) -> None:
    """Whatever is found once other stages have mended it: a new face gets a number of its own."""
    picture = couple()
    stage = FacesStage(DETECT, face_network(models), threads=1)
    draft = Draft(Photo.from_array(picture))
    left, right = stage.look(draft, lambda _share: None)
    assert (left.number, right.number) == (1, 2)
    seen = replace(stage, first=(replace(right, number=1),), chosen=(1,))
    finding, _ = seen.diagnose(draft, lambda _share: None)
    faces = seen.look(draft, lambda _share: None)
    assert [(face.number, face.verdict) for face in faces] == [
        (2, "not chosen"),
        (1, "lost detail"),
    ]
    assert "There is no face" not in finding.words
    grain = np.random.default_rng(0).normal(0, 9, picture.shape)
    grainy = np.clip(picture + grain, 0, 255).astype(np.uint8)
    options = Options(only=("denoise", "faces"), faces=(2,), face_model="sharpener", threads=1)
    pipeline = Pipeline(options)
    planned = pipeline.plan(Photo.from_array(grainy)).faces
    _, report = pipeline.restore(Photo.from_array(grainy))
    assert report.stages[0].acted
    assert [(face.number, face.verdict) for face in planned] == [
        (face.number, face.verdict) for face in report.faces
    ]


def test_what_changed_is_marked_as_made_up_and_nothing_else(models: Path) -> None:
    picture = soft(portrait())
    stage = FacesStage(DETECT, face_network(models), threads=1)
    _finding, draft = stage.diagnose(Draft(Photo.from_array(picture)), lambda _share: None)
    after = stage.apply(draft, 1.0, lambda _share: None)
    assert after.marks is not None
    invented = (after.marks & np.uint8(Mark.INVENTED)) != 0
    changed = (after.photo.pixels != picture.astype(np.uint16) * 257).any(axis=2)
    assert changed.any()
    assert not (changed & ~invented).any()
    assert invented.mean() < 0.5


def test_the_report_says_that_a_network_made_it_up(models: Path) -> None:
    photo, report = run(soft(portrait()))
    assert report.invented_share > 0.05
    assert report.changed_share > 0.02
    assert b"compositeWithTrainedAlgorithmicMedia" in (photo.metadata.xmp or b"")
    assert [name for name, _, _ in report.stages[0].models][:2] == ["detect", "sharpener"]


def test_a_sharp_face_has_lost_nothing(models: Path) -> None:
    photo, report = run(portrait())
    assert verdicts(report.faces) == ["sharp"]
    assert not report.stages[0].acted
    np.testing.assert_array_equal(photo.pixels, portrait())
    _photo, forced = run(portrait(), force=("faces",))
    assert forced.faces[0].restored


def test_the_edges_of_damage_are_not_those_of_the_face(models: Path) -> None:
    """So that a plan says of a scratched face what the run will do, which mends it first."""
    scratched, mask = soft(portrait(), 1.8), np.zeros((280, 300), np.uint8)
    for across in range(90, 220, 24):
        cv2.line(mask, (across, 20), (across + 40, 200), (255,), 1)
    scratched[mask > 0] = 250
    options = Options(
        only=("repair", "faces"), mask=mask, mask_mode="replace", face_model="sharpener", threads=1
    )
    (bare,) = (
        Pipeline(replace(options, only=("faces",), mask=None, mask_mode="add"))
        .plan(Photo.from_array(scratched))
        .faces
    )
    assert bare.verdict == "sharp"  # nobody knows of the scratches
    (planned,) = Pipeline(options).plan(Photo.from_array(scratched)).faces
    _, report = restore(scratched, options)
    assert verdicts(report.faces) == [planned.verdict] == ["lost detail"]


def test_faces_are_numbered_from_the_left_and_chosen_by_number(models: Path) -> None:
    picture = couple()
    photo, report = run(picture, faces=(2,))
    assert verdicts(report.faces) == ["not chosen", "lost detail"]
    assert [face.restored for face in report.faces] == [False, True]
    assert report.faces[0].box[0] < report.faces[1].box[0]
    changed = (photo.pixels != picture.astype(np.uint16) * 257).any(axis=(0, 2))
    middle = picture.shape[1] // 2
    assert not changed[: middle - 20].any()
    assert changed[middle:].any()
    _photo, both = run(picture)
    assert [face.restored for face in both.faces] == [True, True]
    _photo, none = run(picture, faces=(5,))
    assert "There is no face 5." in none.stages[0].finding.words
    assert not none.stages[0].acted
    assert headline(none) == "The photo comes back as it was. There is no face 5."
    assert unmet(none) == ["there is no face 5"]
    _photo, twice = run(picture, faces=(9, 5, 9))
    assert unmet(twice) == ["there is no face 5, 9"]
    _photo, kept = run(picture, fidelity=1.0)
    assert (left_as_asked(kept), left_as_asked(both)) == (["faces"], [])


def pixelated(part: Picture) -> Picture:
    rows, columns = part.shape[0] // 9 * 9, part.shape[1] // 9 * 9
    small = cv2.resize(
        part[:rows, :columns], None, fx=1 / 9, fy=1 / 9, interpolation=cv2.INTER_AREA
    )
    out = part.copy()
    out[:rows, :columns] = np.repeat(np.repeat(small, 9, axis=0), 9, axis=1)
    return out


@pytest.mark.parametrize(
    ("hide", "told"),
    [
        (pixelated, ["hidden"]),
        (lambda part: part * 0, []),
        (lambda part: cv2.blur(part, (35, 35)), []),
    ],
    ids=["pixelated", "blacked out", "blurred"],
)
def test_a_face_hidden_on_purpose_is_left_alone(
    models: Path, hide: Callable[[Picture], Picture], told: list[FaceVerdict]
) -> None:
    """Found or not found any more, it is not touched; the face beside it is restored."""
    picture = np.concatenate((portrait(), soft(portrait())), axis=1)
    place = (slice(40, 185), slice(100, 215))
    picture[place] = hide(picture[place])
    photo, report = run(picture, force=("faces",))
    here = [face for face in report.faces if face.box[0] < 300]
    assert verdicts(tuple(here)) == told
    assert report.faces[-1].restored
    left = photo.pixels[:, :280]
    np.testing.assert_array_equal(left, picture[:, :280].astype(np.uint16) * 257)


def test_a_face_that_was_hidden_stays_so_once_the_bar_over_it_is_filled(models: Path) -> None:
    """As of a mask over a bar: what lies there then is invented."""
    options = Options(only=("faces",), face_model="sharpener", force=("faces",), threads=1)
    (stage,) = Pipeline(options).stages
    assert isinstance(stage, FacesStage)
    draft = Draft(Photo.from_array(portrait()))
    (seen,) = stage.look(draft, lambda _share: None)
    assert seen.verdict == "lost detail"
    for verdict, stays in (("hidden", True), ("too small", False)):
        before = replace(seen, verdict=verdict, words="as it came")
        (after,) = replace(stage, first=(before,)).look(draft, lambda _share: None)
        assert (after.verdict == verdict) == stays
        assert (after.words == "as it came") == stays


def test_of_a_tiny_face_there_is_nothing_to_go_by(models: Path) -> None:
    small = cv2.resize(portrait(), None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    photo, report = run(np.asarray(small, np.uint8), force=("faces",))
    assert verdicts(report.faces) == ["too small"]
    assert "px apart, 10 are needed" in report.faces[0].words
    np.testing.assert_array_equal(photo.pixels, small)


def test_fidelity_leads_back_to_the_photo_as_it_came(models: Path) -> None:
    picture = soft(portrait())
    away: list[float] = []
    for fidelity in (0.0, 0.3, 0.7, 1.0):
        photo, report = run(picture, fidelity=fidelity)
        factor = 257 if photo.pixels.dtype == np.uint16 else 1
        away.append(float(np.abs(photo.pixels.astype(float) / factor - picture).mean()))
        assert report.stages[0].strength == pytest.approx(1.0 - fidelity)
    assert away[0] > 0.3
    assert away[1:] == pytest.approx([0.7 * away[0], 0.3 * away[0], 0.0], rel=0.05)
    assert report.stages[0].why == "switched off"


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_stays_grey_and_deep_stays_deep(models: Path, bits: int) -> None:
    grey: NDArray[np.generic] = cv2.cvtColor(soft(portrait()), cv2.COLOR_RGB2GRAY)
    if bits == 16:
        grey = grey.astype(np.uint16) * 256 + 99
    photo, report = run(grey)
    assert report.faces[0].restored
    assert photo.grey
    assert photo.bit_depth == bits
    assert np.array_equal(photo.pixels[..., 0], photo.pixels[..., 1])
    assert np.array_equal(photo.pixels[..., 0], photo.pixels[..., 2])


def test_a_sepia_print_gets_no_tint(models: Path) -> None:
    grey = cv2.cvtColor(soft(portrait()), cv2.COLOR_RGB2GRAY)[..., None] / 255.0
    sepia = np.rint(255 * (0.05 + 0.9 * grey * (1.0, 0.85, 0.65))).astype(np.uint8)
    photo, report = run(sepia)
    assert report.faces[0].restored
    # Red against green follows brightness as before.
    before, after = (values.reshape(-1, 3).astype(float) for values in (sepia, photo.pixels // 257))
    line = np.polyfit(before[:, 1], before[:, 0], 1)
    assert np.abs(after[:, 0] - np.polyval(line, after[:, 1])).max() < 5.0


@pytest.mark.parametrize("crop", [(60, 0), (0, 105), (60, 105)], ids=["top", "left", "corner"])
def test_a_face_at_the_edge_of_a_photo(models: Path, crop: tuple[int, int]) -> None:
    picture = np.ascontiguousarray(soft(portrait())[crop[0] :, crop[1] :])
    photo, report = run(picture)
    assert [face.restored for face in report.faces] == [True]
    left, top, right, bottom = box = report.faces[0].box
    assert 0 <= left < right <= picture.shape[1]
    assert 0 <= top < bottom <= picture.shape[0]
    assert detail(photo.pixels, box) > 1.2 * detail(picture, box)


def test_a_face_larger_than_its_photo(models: Path) -> None:
    picture = np.ascontiguousarray(soft(portrait(), 2.0)[40:190, 95:225])
    picture = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    photo, report = run(np.asarray(picture, np.uint8))
    assert [face.restored for face in report.faces] == [True]
    assert photo.size == picture.shape[:2]


def test_how_far_a_face_moved_is_measured(models: Path) -> None:
    picture = soft(portrait())
    identity = identity_network(models)

    def similarity(kernel: NDArray[np.float32]) -> Face:
        stage = FacesStage(DETECT, face_network(models, kernel), identity, threads=1)
        _finding, draft = stage.diagnose(Draft(Photo.from_array(picture)), lambda _share: None)
        (face,) = stage.apply(draft, 1.0, lambda _share: None).faces
        return face

    nothing = np.zeros((3, 3, 1, 1), np.float32)
    nothing[range(3), range(3)] = 1.0
    same, sharper, other = (
        similarity(kernel) for kernel in (nothing, sharpener(1.0), sharpener(12.0))
    )
    assert same.similarity == pytest.approx(1.0, abs=1e-4)
    assert same.similarity is not None
    assert sharper.similarity is not None
    assert other.similarity is not None
    assert 1.0 > sharper.similarity > other.similarity >= -1.0
    for face in (same, sharper, other):
        assert bool(face.warning) == (face.similarity is not None and face.similarity < WARN_BELOW)


def test_a_face_that_became_another_ones_is_warned_of(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resilver.stages.faces.WARN_BELOW", 0.995)
    identity = identity_network(models)
    stage = FacesStage(DETECT, face_network(models, sharpener(6.0)), identity, threads=1)
    _finding, draft = stage.diagnose(Draft(Photo.from_array(soft(portrait()))), lambda _share: None)
    (face,) = stage.apply(draft, 1.0, lambda _share: None).faces
    assert "may no longer be the same person" in face.warning
    assert [card.name for card in stage.cards] == ["detect", "sharpener", "identity"]


def test_what_is_no_face_is_not_restored() -> None:
    network, picture = DETECT.open(1), portrait()
    found = find_faces(network, picture)
    assert second_look(network, picture, found)[0] > SURE
    beside = found.moved(np.array([[1.0, 0.0, 40.0], [0.0, 1.0, 110.0]]))
    assert second_look(network, picture, beside)[0] < SURE


def test_points_that_are_a_little_off_are_found_again() -> None:
    """Wherever they began, of a large face and a small one: at nearly the same place."""
    network, rng = DETECT.open(1), np.random.default_rng(3)
    for factor in (1.0, 0.3):
        picture = np.asarray(
            cv2.resize(portrait(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        )
        found = find_faces(network, picture)
        side = float(found.sides_px[0])
        settled = placed_again(network, picture, found).points[0]
        for _ in range(4):
            off = rng.normal(0.0, 0.06 * side, (1, 5, 2)).astype(np.float32)
            moved = replace(found, points=found.points + off)
            again = placed_again(network, picture, moved).points[0]
            assert np.abs(again - settled).mean() < 0.03 * side
        nowhere = found.moved(np.array([[1.0, 0.0, 2.0 * side], [0.0, 1.0, 2.0 * side]]))
        kept = placed_again(network, picture, nowhere)
        np.testing.assert_array_equal(kept.points, nowhere.points)


def test_the_stages_run_in_their_order(models: Path) -> None:
    stages = Pipeline(Options(face_model="sharpener")).stages
    assert [stage.name for stage in stages if stage.name != "tone"] == [
        "repair",
        "denoise",
        "faces",
    ]


def test_a_named_network_with_limits_on_its_use_is_refused(models: Path) -> None:
    face_network(models, licence="research")
    with pytest.raises(OptionError, match=r"licence clean leaves it out: .*sharpener.* not free"):
        run(soft(portrait()), licence="clean")


def test_impossible_wishes_fail(models: Path) -> None:
    with pytest.raises(ModelError, match="'denoise' is a network for denoise, not for face"):
        Pipeline(Options(face_model="denoise"))
    with pytest.raises(ModelError, match=r"for this there are: .*sharpener"):
        Pipeline(Options(face_model="nobody"))
    with pytest.raises(OptionError, match="fidelity is from 0 to 1"):
        Options(fidelity=1.1)
    with pytest.raises(OptionError, match="there is no face 0"):
        Options(faces=(2, 0))


def test_diagnose_lists_the_faces(models: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from resilver.cli import app

    Photo.from_array(couple()).save(tmp_path / "couple.png")
    command = ["diagnose", str(tmp_path / "couple.png"), "--only", "faces"]
    command += ["--face-model", "sharpener", "--faces", "2"]
    told = CliRunner().invoke(app, command).stdout
    lines = [line.split() for line in told.splitlines() if line.startswith("  face ")]
    assert [line[:3] for line in lines] == [["face", "1", "leave"], ["face", "2", "restore"]]
    (values,) = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [face["verdict"] for face in values["faces"]] == ["not chosen", "lost detail"]
    wrong = CliRunner().invoke(app, [*command, "--faces", "left"])
    assert wrong.exit_code == 2
    assert "'left' is none" in wrong.stderr
