"""Recognition: kinds, hysteresis, and how much is believed of which photo."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.stages.draft import Mark
from resilver.stages.recognition import (
    EVIDENCE_SHARE,
    OPEN,
    STRICT,
    Marks,
    believed,
    keep,
    marks_from_maps,
)

DOUBTFUL = (OPEN.weak + STRICT.weak) / 2


def maps_with(level: float, where: tuple[slice, slice], kind: int) -> NDArray[np.float32]:
    maps = np.zeros((5, 40, 40), np.float32)
    maps[4][where] = level
    maps[kind][where] = level
    return maps


def kept(marks: Marks, *, told: bool = False) -> Marks:
    keep(marks, believed(marks, told=told))
    return marks


def test_on_a_damaged_photo_a_faint_line_counts_where_enough_of_it_is_certain() -> None:
    needed = round(30 * OPEN.share)
    for certain_px, found_px in ((0, 0), (needed - 1, 0), (needed, 30)):
        # A certain blot in a corner: the photo is damaged beyond doubt.
        maps = np.maximum(
            maps_with(1.0, np.s_[30:38, 30:38], 2), maps_with(DOUBTFUL, np.s_[5:6, 2:32], 0)
        )
        maps[:, 5, 2 : 2 + certain_px] = 1.0
        marks = kept(marks_from_maps(maps))
        assert np.count_nonzero(marks[:20]) == found_px
        assert np.count_nonzero(marks[20:] & np.uint8(Mark.STAIN)) == 64


def test_on_a_good_photo_the_same_line_is_not_believed() -> None:
    line = maps_with(DOUBTFUL, np.s_[5:6, 2:32], 0)
    line[:, 5, 2:12] = (OPEN.certain + STRICT.certain) / 2
    for beside, found_px in ((EVIDENCE_SHARE * 0.9, 0), (EVIDENCE_SHARE * 1.1, 30)):
        width = round(30 / beside / 20)  # the line alone is this share of the photo
        marks = np.zeros((20, width), np.uint8)
        marks[:, :40] = marks_from_maps(line)[:20]
        assert np.count_nonzero(kept(marks)) == found_px


def test_what_is_beyond_doubt_is_believed_on_a_good_photo_too() -> None:
    marks = np.zeros((200, 200), np.uint8)
    marks[:40, :40] = marks_from_maps(maps_with(1.0, np.s_[5:6, 2:32], 0))
    assert np.count_nonzero(kept(marks)) == 30


def test_told_that_the_photo_is_damaged_it_believes_the_line() -> None:
    faint = maps_with(DOUBTFUL, np.s_[5:6, 2:32], 0)
    faint[:, 5, 2:3] = OPEN.certain
    assert not kept(marks_from_maps(faint)).any()
    assert np.count_nonzero(kept(marks_from_maps(faint), told=True)) == 30


@pytest.mark.parametrize("told", [False, True])
def test_single_pixels_are_grain_not_dust(told: bool) -> None:
    maps = np.maximum(maps_with(1.0, np.s_[30:36, 30:36], 2), maps_with(1.0, np.s_[5:6, 5:7], 3))
    assert not kept(marks_from_maps(maps), told=told)[:20].any()


@pytest.mark.parametrize("kind", range(4))
def test_the_kind_is_the_networks(kind: int) -> None:
    marks = kept(marks_from_maps(maps_with(1.0, np.s_[10:20, 10:20], kind)))
    flag = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)[kind]
    assert set(np.unique(marks)) == {0, int(flag)}


def test_looks_go_from_strict_to_open() -> None:
    """The bits that `see` leaves allow no other order."""
    assert OPEN.weak <= STRICT.weak
    assert OPEN.certain <= STRICT.certain
