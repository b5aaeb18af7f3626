"""The parts of the repair stage: hysteresis, holes and veils, given masks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.errors import OptionError
from resilver.models.store import bundled_model
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline
from resilver.stages.draft import Draft, Mark
from resilver.stages.fills import CLASSICAL, FILLS, fill_named
from resilver.stages.repair import (
    OPEN,
    STRICT,
    GivenMask,
    RepairStage,
    add_given,
    believable,
    feather,
    holes_and_veils,
    marks_from_maps,
)


def quiet(_share: float) -> None:
    pass


def maps_with(level: float, where: tuple[slice, slice], kind: int) -> NDArray[np.float32]:
    maps = np.zeros((5, 40, 40), np.float32)
    maps[4][where] = level
    maps[kind][where] = level
    return maps


def plain_damage() -> NDArray[np.float32]:
    """Maps with a certain blot in a corner: a photo that is damaged beyond doubt."""
    return maps_with(1.0, np.s_[30:36, 30:36], 2)


@pytest.mark.parametrize(("certain_px", "found_px"), [(0, 0), (5, 0), (6, 30)])
def test_on_a_damaged_photo_a_faint_line_counts_where_enough_of_it_is_certain(
    certain_px: int, found_px: int
) -> None:
    maps = np.maximum(plain_damage(), maps_with((OPEN[0] + STRICT[0]) / 2, np.s_[5:6, 2:32], 0))
    maps[:, 5, 2 : 2 + certain_px] = 1.0
    kept = believable(marks_from_maps(maps))
    assert np.count_nonzero(kept[:20]) == found_px
    assert np.count_nonzero(kept[20:] & np.uint8(Mark.STAIN)) == 36


def test_on_a_good_photo_the_same_line_is_not_believed() -> None:
    faint = maps_with((OPEN[0] + STRICT[0]) / 2, np.s_[5:6, 2:32], 0)
    faint[:, 5, 2:12] = 1.0
    marks = np.zeros((200, 200), np.uint8)  # the certain part is far less than EVIDENCE_SHARE
    marks[:40, :40] = marks_from_maps(faint)
    assert np.count_nonzero(believable(marks)) == 10


def test_told_that_the_photo_is_damaged_it_believes_the_line() -> None:
    faint = maps_with((OPEN[0] + STRICT[0]) / 2, np.s_[5:6, 2:32], 0)
    faint[:, 5, 2:3] = OPEN[1]
    assert not believable(marks_from_maps(faint)).any()
    assert np.count_nonzero(believable(marks_from_maps(faint), told=True)) == 30


def test_single_pixels_are_grain_not_dust() -> None:
    maps = np.maximum(plain_damage(), maps_with(1.0, np.s_[5:6, 5:7], 3))
    assert not believable(marks_from_maps(maps))[:20].any()


@pytest.mark.parametrize("kind", range(4))
def test_the_kind_is_the_networks(kind: int) -> None:
    marks = believable(marks_from_maps(maps_with(1.0, np.s_[10:20, 10:20], kind)))
    flag = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)[kind]
    assert set(np.unique(marks)) == {0, int(flag)}


def test_a_stain_is_a_veil_and_a_scratch_through_it_a_hole() -> None:
    marks = np.zeros((40, 40), np.uint8)
    marks[10:30, 10:30] = Mark.STAIN
    marks[20, 10:30] |= np.uint8(Mark.SCRATCH)
    hole, veil = holes_and_veils(marks)
    assert hole[20, 20] == 1
    assert veil[12, 20] == 1
    assert not (hole & veil).any()
    assert veil[8, 20] == 1  # grown beyond what was found
    assert veil[5, 20] == 0


def test_the_feather_stays_inside_the_mask() -> None:
    mask = np.zeros((30, 30), np.uint8)
    mask[10:20, 10:20] = 1
    soft = feather(mask)
    assert soft[15, 15] == 1.0
    assert 0.0 < soft[10, 15] < 1.0
    assert not soft[mask == 0].any()


def stripes() -> NDArray[np.uint8]:
    row = (np.sin(np.arange(96) / 6) * 60 + 128).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], 96, axis=0), 3, axis=2)


def stage(
    mask: NDArray[np.uint8] | None, mode: str = "replace", fill: str = "telea"
) -> RepairStage:
    given = None if mask is None else GivenMask(mask, mode)
    return RepairStage(bundled_model("damage"), fill_named(fill, 1), 192, 1, given)


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
    finding = stage(None).finding(marks)
    assert not finding.act
    assert "60.0 %" in finding.words
    assert "too much to be believed" in finding.words
    marks[:30] = Mark.PAINTED
    assert stage(None).finding(marks).act


def test_what_is_found_beyond_belief_gives_way_to_a_mask_that_is_added() -> None:
    painted = np.zeros((50, 50), np.uint8)
    painted[:5] = 255
    marks = np.full((50, 50), Mark.STAIN, np.uint8)
    add_given(marks, GivenMask(painted, "add"))
    assert (marks[:5] == Mark.PAINTED).all()
    assert not marks[5:].any()
    marks[40:] = Mark.DUST
    add_given(marks, GivenMask(painted, "add"))
    assert (marks[40:] == Mark.DUST).all()


def test_unknown_fills_fail() -> None:
    assert set(CLASSICAL) < set(FILLS)
    with pytest.raises(OptionError, match="unknown fill 'magic'"):
        fill_named("magic")
