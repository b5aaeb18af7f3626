"""The parts of the repair stage: the finding, holes and veils, given masks, fills."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut, camera

from resilver.ageing import AgeingRecipe, age
from resilver.errors import OptionError
from resilver.models.store import bundled_model
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline
from resilver.stages.draft import Draft, Mark
from resilver.stages.fills import CLASSICAL, FILLS, fill_named
from resilver.stages.repair import (
    GROW_PX,
    GivenMask,
    RepairStage,
    add_given,
    feather,
    holes_and_veils,
)


def quiet(_share: float) -> None:
    pass


def test_a_stain_is_a_veil_and_a_scratch_through_it_a_hole() -> None:
    marks = np.zeros((40, 40), np.uint8)
    marks[10:30, 10:30] = Mark.STAIN
    marks[20, 10:30] |= np.uint8(Mark.SCRATCH)
    hole, veil = holes_and_veils(marks)
    assert hole[20, 20] == 1
    assert veil[12, 20] == 1
    assert not (hole & veil).any()
    assert veil[10 - GROW_PX, 20] == 1  # grown beyond what was found
    assert veil[5, 20] == 0


def test_the_feather_stays_inside_the_mask_and_covers_all_that_is_damaged() -> None:
    marks = np.zeros((30, 30), np.uint8)
    marks[10:20, 10:20] = Mark.DUST
    grown, _veil = holes_and_veils(marks)
    soft = feather(grown, marks > 0)
    assert (soft[marks > 0] == 1.0).all()  # its corners too
    assert 0.0 < soft[9, 15] < 1.0
    assert not soft[grown == 0].any()


def stripes() -> NDArray[np.uint8]:
    row = (np.sin(np.arange(96) / 6) * 60 + 128).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], 96, axis=0), 3, axis=2)


def stage(
    mask: NDArray[np.uint8] | None, mode: str = "replace", fill: str = "telea"
) -> RepairStage:
    given = None if mask is None else GivenMask(mask, mode)
    return RepairStage(
        bundled_model("damage"), bundled_model("detect"), fill_named(fill, 1), 192, 1, given
    )


@pytest.mark.parametrize("fill", FILLS)
def test_every_fill_mends_a_painted_hole_and_touches_nothing_else(fill: str) -> None:
    clean = stripes()
    broken = clean.copy()
    broken[40:56, 40:46] = 255
    mask = np.zeros((96, 96), np.uint8)
    mask[40:56, 40:46] = 255
    repair = stage(mask, fill=fill)
    finding, draft = repair.diagnose(Draft(Photo.from_array(broken)), quiet)
    assert finding.act
    mended = repair.apply(draft, 1.0, quiet)
    out = (mended.photo.pixels // 257).astype(np.int64)
    before = np.abs(broken.astype(np.int64) - clean)[40:56, 40:46].mean()
    after = np.abs(out - clean)[40:56, 40:46].mean()
    assert after < 0.5 * before
    assert mended.marks is not None
    invented = (mended.marks & np.uint8(Mark.INVENTED)) != 0
    np.testing.assert_array_equal(out[~invented], broken[~invented])
    assert invented[40:56, 40:46].all()


@pytest.mark.parametrize("fill", ["learned", "telea"])
def test_a_hole_wider_than_a_tile_is_filled_too(fill: str) -> None:
    rows, columns = np.mgrid[:700, :800].astype(np.float32)
    clean = np.stack((60 + rows / 8, 90 + columns / 10, 120 + (rows + columns) / 20), axis=-1)
    clean = clean.astype(np.uint8)
    mask = np.zeros((700, 800), np.uint8)
    mask[100:600, 120:680] = 255
    broken = np.where(mask[..., None] > 0, np.uint8(255), clean)
    repair = stage(mask, fill=fill)  # tiles of 192 px
    _finding, draft = repair.diagnose(Draft(Photo.from_array(broken)), quiet)
    out = (repair.apply(draft, 1.0, quiet).photo.pixels // 257).astype(np.float32)
    error = np.abs(out - clean).max(axis=2)
    assert error[mask > 0].mean() < 12.0
    assert error.max() < 45.0  # nothing of the white is left, in no tile
    steps = np.abs(np.diff(out.mean(axis=2), axis=0)).max(), np.abs(np.diff(out.mean(axis=2))).max()
    assert max(steps) < 12.0  # no seam


@pytest.mark.parametrize("fill", ["learned", "telea", "patchmatch"])
@pytest.mark.parametrize("radius_px", [6, 70])  # narrow, and wide enough for a smaller copy
def test_what_is_hidden_in_a_cut_out_is_not_what_a_hole_is_filled_with(
    fill: str, radius_px: int
) -> None:
    y, x = np.mgrid[:256, :256]
    clean = np.stack((60 + y / 4, 90 + x / 4, 120 + (x + y) / 10), axis=-1).astype(np.uint8)
    seen = np.hypot(y - 128, x - 128) < 120
    hole = np.hypot(y - 128, x - 220) < radius_px  # partly seen, partly hidden
    broken = np.where(hole[..., None], np.uint8(255), clean)
    mended: list[NDArray[np.float32]] = []
    for level in (0, 255):
        given = np.where(seen[..., None], broken, np.uint8(level))
        cut_out = np.dstack((given, seen * np.uint8(255)))
        repair = stage(hole * np.uint8(255), fill=fill)
        finding, draft = repair.diagnose(Draft(Photo.from_array(cut_out)), quiet)
        assert finding.measurements[0].value == pytest.approx(100 * (hole & seen).mean())
        after = repair.apply(draft, 1.0, quiet)
        assert after.marks is not None
        assert not after.marks[~seen].any()
        out = (after.photo.pixels / 257).astype(np.float32)
        np.testing.assert_array_equal(out[~seen], given[~seen])
        mended.append(out[seen])
    np.testing.assert_array_equal(mended[0], mended[1])
    assert np.abs(mended[0] - clean[seen])[hole[seen]].mean() < 9.0


def test_a_classical_fill_is_given_stains_as_holes() -> None:
    marks = np.zeros((40, 40), np.uint8)
    marks[10:30, 10:30] = Mark.STAIN
    hole, veil = holes_and_veils(marks, looks_through=fill_named("telea").looks_through)
    assert hole[12, 20] == 1
    assert not veil.any()


def test_the_learned_fill_is_blind_to_what_a_hole_hides_and_looks_through_a_veil() -> None:
    rng = np.random.default_rng(0)
    tile = rng.random((96, 96, 3), np.float32)
    other = tile.copy()
    mask = np.zeros((96, 96), np.uint8)
    mask[40:60, 40:60] = 1
    other[mask > 0] = 1 - other[mask > 0]
    fill, nothing = fill_named("learned", 1), np.zeros_like(mask)
    np.testing.assert_array_equal(fill.run(tile, mask, nothing), fill.run(other, mask, nothing))
    assert np.abs(fill.run(tile, nothing, mask) - fill.run(other, nothing, mask)).max() > 0.05


def rusty() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """A grey print, the same with rust on it, and where."""
    print_ = np.repeat(camera()[100:420, 100:420, None], 3, axis=2)
    opacity = np.zeros((320, 320), np.float32)
    cv2.circle(opacity, (160, 200), 45, 0.5, -1)
    alpha = cv2.GaussianBlur(opacity, (0, 0), 1.5)[..., None]
    stained = (1 - alpha) * print_ + alpha * np.array((160, 100, 50), np.float32)
    return print_, np.rint(stained).astype(np.uint8), alpha[..., 0] > 0.05


@pytest.mark.parametrize("fill", ["learned", "telea"])
def test_a_stain_told_by_its_colour_is_found_and_taken_off_and_nothing_is_invented(
    fill: str,
) -> None:
    print_, stained, where = rusty()
    repair = stage(None, fill=fill)
    finding, draft = repair.diagnose(Draft(Photo.from_array(stained)), quiet)
    assert finding.act
    assert "stains" in finding.words
    assert draft.marks is not None
    found = (draft.marks & np.uint8(Mark.STAIN)) != 0
    assert found[where].mean() > 0.9
    assert found[~where].mean() < 0.02
    alone = draft.evolve(marks=draft.marks & np.uint8(Mark.STAIN))
    mended = repair.apply(alone, 1.0, quiet)
    assert mended.marks is not None
    assert not (mended.marks[where] & np.uint8(Mark.INVENTED)).any()
    out = mended.photo.pixels[where] / 257.0
    errors = [np.abs(values - print_[where]).mean() for values in (stained[where], out)]
    assert errors[1] < errors[0] / 2
    assert np.abs(out[:, 0] - out[:, 2]).mean() < 3  # grey again
    halfway = repair.apply(alone, 0.5, quiet).photo.pixels[where] / 257.0
    assert np.abs(halfway - (stained[where] + out) / 2).mean() < 1


def test_a_stain_that_the_person_says_is_none_is_left() -> None:
    _print, stained, where = rusty()
    given = cv2.dilate(where.astype(np.uint8) * 255, np.ones((15, 15), np.uint8))
    repair = stage(np.asarray(given, np.uint8), "subtract")
    _finding, draft = repair.diagnose(Draft(Photo.from_array(stained)), quiet)
    kept = repair.apply(draft, 1.0, quiet).photo.pixels[where] // 257
    assert np.array_equal(kept, stained[where])


def test_of_a_stain_that_is_taken_out_in_part_that_part_stays_as_it_was() -> None:
    """No soft rim reaches into it, however large the scan is."""
    _print, stained, where = rusty()
    large = np.asarray(cv2.resize(stained, (2560, 2560), interpolation=cv2.INTER_CUBIC), np.uint8)
    there = cv2.resize(where.astype(np.uint8), (2560, 2560)) > 0
    given = np.zeros((2560, 2560), np.uint8)
    given[:, 1280:] = 255
    repair = stage(given, "subtract")
    marks = np.where(there, np.uint8(Mark.STAIN), np.uint8(0))
    marks[given > 0] = 0
    draft = Draft(Photo.from_array(large)).evolve(marks=marks)
    mended = repair.apply(draft, 1.0, quiet).photo.pixels
    assert np.array_equal(mended[:, 1280:] // 257, large[:, 1280:])
    assert np.abs(mended[there & (given == 0)] / 257 - large[there & (given == 0)]).mean() > 10


@pytest.mark.parametrize("frame_px", [10, 24])
def test_a_hole_that_leaves_a_narrow_frame_is_filled_from_it(frame_px: int) -> None:
    photo = np.full((900, 900, 3), 128, np.uint8)
    inside = slice(frame_px, 900 - frame_px)
    photo[inside, inside] = (255, 0, 255)
    mask = np.zeros((900, 900), np.uint8)
    mask[inside, inside] = 255
    repair = stage(mask, "replace", fill="telea")
    _finding, draft = repair.diagnose(Draft(Photo.from_array(photo)), quiet)
    out = repair.apply(draft, 1.0, quiet).photo.pixels
    assert np.abs(out / 257 - 128).max() < 2


def test_half_strength_goes_half_the_way() -> None:
    broken = np.full((96, 96, 3), 100, np.uint8)
    broken[40:56, 40:56] = 200
    mask = np.where(broken[..., 0] == 200, 255, 0).astype(np.uint8)
    repair = stage(mask)
    _finding, draft = repair.diagnose(Draft(Photo.from_array(broken)), quiet)
    out = repair.apply(draft, 0.5, quiet).photo.pixels // 257
    assert abs(int(out[48, 48, 0]) - 150) <= 2


def test_a_grey_photo_stays_grey() -> None:
    grey = np.random.default_rng(0).integers(60, 200, (96, 96)).astype(np.uint8)
    photo, _report = Pipeline(Options(denoise=1.0, threads=1)).restore(Photo.from_array(grey))
    assert photo.grey
    assert np.array_equal(photo.pixels[..., 0], photo.pixels[..., 1])
    assert np.array_equal(photo.pixels[..., 0], photo.pixels[..., 2])


def test_subtracting_clears_what_was_found() -> None:
    repair = stage(np.full((96, 96), 255, np.uint8), "subtract")
    photo = stripes()
    photo[40:44, 5:90] = 255
    finding, draft = repair.diagnose(Draft(Photo.from_array(photo)), quiet)
    assert not finding.act
    assert draft.marks is not None
    assert not draft.marks.any()


def test_a_photo_that_seems_all_damage_is_left_alone_and_says_why() -> None:
    marks = np.zeros((50, 50), np.uint8)
    marks[:30] = Mark.STAIN
    finding = stage(None).finding(marks, {})
    assert not finding.act
    assert "60.0 %" in finding.words
    assert "too much to be believed" in finding.words
    told = replace(stage(None), told=True).finding(marks, {})
    assert told.act
    assert told.words == "60.0 % of the photo is damaged: stains."
    marks[:30] = Mark.PAINTED
    assert stage(None).finding(marks, {}).act


def test_of_an_empty_mask_nothing_is_said_that_nobody_looked_for() -> None:
    empty = np.zeros((96, 96), np.uint8)
    for mode, words in (("replace", "Your mask marks nothing"), ("add", "No scratches")):
        finding, _ = stage(empty, mode).diagnose(Draft(Photo.from_array(stripes())), quiet)
        assert not finding.act
        assert finding.words.startswith(words)


def test_what_may_be_damage_is_said_and_left_alone() -> None:
    marks = np.zeros((50, 50), np.uint8)
    finding = stage(None).finding(marks, {Mark.SCRATCH: 0.02, Mark.DUST: 1e-6})
    assert not finding.act
    assert "may be scratches or creases: left alone unless" in finding.words
    assert "dust" not in finding.words
    assert [m.name for m in finding.measurements if m.name.startswith("perhaps")] == [
        "perhaps scratches or creases"
    ]


def test_a_kind_that_is_filled_is_not_called_doubtful_too() -> None:
    marks = np.zeros((50, 50), np.uint8)
    marks[:2] = Mark.STAIN
    finding = stage(None).finding(marks, {Mark.STAIN: 0.1, Mark.SCRATCH: 0.02})
    assert finding.act
    assert finding.words == (
        "4.0 % of the photo is damaged: stains. There may be scratches or creases as well: "
        "left alone unless you mark it yourself or force the repair."
    )


@pytest.mark.parametrize("told", [False, True])
def test_nothing_is_left_doubtful_where_the_person_says_it_is_damaged(told: bool) -> None:
    aged = age(astronaut()[:256, :256], 1, AgeingRecipe.pristine())  # damage in fresh colours
    pixels = np.rint(aged.photo * 255).astype(np.uint8)
    force = ("repair",) if told else ()
    plan = Pipeline(Options(only=("repair",), force=force, threads=1)).plan(
        Photo.from_array(pixels)
    )
    measured = [m.name for m in plan.stages[0].finding.measurements]
    assert told != any(name.startswith("perhaps") for name in measured)


def test_what_is_found_beyond_belief_gives_way_to_a_mask_that_is_added() -> None:
    painted = np.zeros((50, 50), np.uint8)
    painted[:5] = 255
    marks = np.full((50, 50), Mark.STAIN, np.uint8)
    assert add_given(marks, GivenMask(painted, "add"), told=True) == 0.0
    assert (marks[5:] == Mark.STAIN).all()  # who forces the repair believes it
    assert add_given(marks, GivenMask(painted, "add"), told=False) == 1.0
    assert (marks[:5] == Mark.PAINTED).all()
    assert not marks[5:].any()
    marks[40:] = Mark.DUST
    assert add_given(marks, GivenMask(painted, "add"), told=False) == 0.0
    assert (marks[40:] == Mark.DUST).all()


def test_unknown_fills_fail() -> None:
    assert set(CLASSICAL) < set(FILLS)
    with pytest.raises(OptionError, match="unknown fill 'magic'"):
        fill_named("magic")


def test_a_rim_of_sound_pixels_is_enough_to_fill_from() -> None:
    """Halved again and again for its depths, a rim must not vanish under what fills distrust."""
    flat = np.full((200, 200, 3), 180, np.uint8)
    mask = np.full((200, 200), 255, np.uint8)
    mask[:, :6] = 0
    options = Options(only=("repair",), mask=mask, mask_mode="replace", threads=1)
    photo, _report = Pipeline(options).restore(Photo.from_array(flat))
    assert np.abs(photo.pixels / 257.0 - 180).max() < 20


def test_of_a_photo_made_of_dots_only_the_marks_given_are_told() -> None:
    dots = np.where(np.random.default_rng(1).random((96, 96, 1)) < 0.5, 0, 255)
    picture = np.repeat(dots, 3, axis=2).astype(np.uint8)
    mask = np.zeros((96, 96), np.uint8)
    mask[20:30, 20:60] = 255
    options = Options(only=("repair",), mask=mask, fill="telea", threads=1)
    _photo, report = Pipeline(options).restore(Photo.from_array(picture))
    words = report.stages[0].finding.words
    assert "Damage cannot be told from them." in words
    assert "areas you marked" in words
    assert list(report.damage_share) == ["painted"]  # of other kinds nothing is known
