"""Recognition: kinds, hysteresis, and how much is believed of which photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from resilver.ageing import AgeingRecipe, age
from resilver.imaging.faces import NO_FACES, Faces
from resilver.imaging.tone import colour_left
from resilver.models.store import bundled_model
from resilver.stages.draft import Mark
from resilver.stages.looks import (
    OPEN,
    STRICT,
    TOLD,
    WARY,
    Look,
    Marks,
    believed,
    keep,
    marks_from_maps,
)
from resilver.stages.recognition import (
    CERTAIN_SHARE,
    FLOOD_SHARE,
    LEAST_SHARE,
    LIKELY_DAMAGED,
    MAYBE_DAMAGED,
    SURELY_DAMAGED,
    Evidence,
    evidence_of,
    found_in,
)
from resilver.stages.sight import (
    LIVELY_COLOUR_255,
    OLD_CAST,
    OLD_COLOUR_255,
    OLD_FADED,
    Sight,
    see,
)


def quiet(_share: float) -> None:
    pass


def maps_with(level: float, where: tuple[slice, slice], kind: int) -> NDArray[np.float32]:
    maps = np.zeros((5, 40, 40), np.float32)
    maps[4][where] = level
    maps[kind][where] = level
    return maps


def kept(marks: Marks, look: Look) -> Marks:
    keep(marks, believed(marks, look))
    return marks


@pytest.mark.parametrize("look", [OPEN, STRICT])
def test_a_faint_line_counts_where_enough_of_it_is_certain(look: Look) -> None:
    needed = round(30 * look.share)
    for certain_px, found_px in ((0, 0), (needed - 1, 0), (needed, 30)):
        maps = maps_with((look.weak + look.certain) / 2, np.s_[5:6, 2:32], 0)
        maps[:, 5, 2 : 2 + certain_px] = 1.0
        assert np.count_nonzero(kept(marks_from_maps(maps), look)) == found_px


def test_the_strict_look_does_not_believe_what_the_open_one_does() -> None:
    line = maps_with((OPEN.weak + OPEN.certain) / 2, np.s_[5:6, 2:32], 0)
    line[:, 5, 2:12] = (OPEN.certain + STRICT.certain) / 2
    assert np.count_nonzero(kept(marks_from_maps(line), OPEN)) == 30
    assert not kept(marks_from_maps(line), STRICT).any()


def test_told_that_the_photo_is_damaged_one_sure_pixel_is_enough() -> None:
    faint = maps_with((TOLD.weak + OPEN.weak) / 2, np.s_[5:6, 2:32], 0)
    faint[:, 5, 2:3] = TOLD.certain
    assert not kept(marks_from_maps(faint), OPEN).any()
    assert np.count_nonzero(kept(marks_from_maps(faint), TOLD)) == 30


IN_ONE_TONE, PALE, COLOURFUL = 0.5 * OLD_COLOUR_255, 0.5 * LIVELY_COLOUR_255, 100.0  # colours left


@pytest.mark.parametrize(
    ("colour", "faded", "cast", "old"),
    [
        (COLOURFUL, 0.0, 0.0, False),
        (PALE, 0.0, 0.0, False),
        (PALE, OLD_FADED, 0.0, True),
        (PALE, 0.0, OLD_CAST, True),
        (COLOURFUL, 0.0, OLD_CAST, False),
        (COLOURFUL, OLD_FADED, 0.0, True),
        (IN_ONE_TONE, 0.0, 0.0, True),
    ],
)
@pytest.mark.parametrize("certain_px", [0, 40])
def test_the_open_look_is_for_old_prints_that_are_likely_damaged(
    colour: float, faded: float, cast: float, old: bool, certain_px: int
) -> None:
    """The same marks in one photo and another; a share of one of them certain, or none."""
    sight = Sight(_block((60, 80), certain_px), faded, cast, colour)
    assert sight.is_old == old
    evidence = evidence_of(sight, believed(sight.marks, OPEN))
    assert (evidence.log_odds >= LIKELY_DAMAGED) == (certain_px > 0)
    found = np.count_nonzero(found_in(sight, NO_FACES, told=False))
    assert found == (400 if old and certain_px else 0)


def _block(size: tuple[int, int], certain_px: int) -> Marks:
    """Marks of a block of 20 x 20 px, sure but for some of them not certain."""
    maps = maps_with((OPEN.certain + STRICT.certain) / 2, np.s_[10:30, 10:30], 0)
    maps[:, 10, 10 : 10 + min(certain_px, 20)] = 1.0
    maps[:, 11, 10 : 10 + max(certain_px - 20, 0)] = 1.0
    marks = np.zeros(size, np.uint8)
    marks[:40, :40] = marks_from_maps(maps)
    return marks


def test_what_speaks_for_damage_is_measured() -> None:
    for colour, is_grey in ((IN_ONE_TONE, True), (PALE, False)):
        sight = Sight(_block((60, 80), 12), 0.25, 0.0, colour)
        found = believed(sight.marks, OPEN)
        evidence = evidence_of(sight, found)
        assert evidence == Evidence(400 / 4800, 1.0, 12 / 4800, 0.25, is_grey)
    likelier = (
        Evidence(0.2, 1.0, 12 / 4800, 0.25, False),
        Evidence(400 / 4800, 1.0, 0.01, 0.25, False),
        Evidence(400 / 4800, 1.0, 12 / 4800, 0.5, False),
        Evidence(400 / 4800, 1.0, 12 / 4800, 0.25, True),
    )
    assert all(one.log_odds > evidence.log_odds for one in likelier)
    assert Evidence(400 / 4800, 0.5, 12 / 4800, 0.25, False).log_odds < evidence.log_odds
    # Of next to nothing no share means anything.
    assert Evidence(LEAST_SHARE / 2, 1.0, LEAST_SHARE / 2, 1.0, True).log_odds == -np.inf
    assert Evidence(1.0, 1.0, 0.0, 0.0, False).log_odds > -np.inf


@pytest.mark.parametrize("certain_share", [0.9, 1.1])
def test_an_old_print_flooded_with_doubtful_marks_is_looked_at_warily(certain_share: float) -> None:
    maps = maps_with((OPEN.certain + STRICT.certain) / 2, np.s_[2:38, 2:38], 0)
    certain = round(certain_share * WARY.share * 36)
    maps[:, 2 : 2 + certain, 2:38] = 1.0
    sight = Sight(marks_from_maps(maps), 0.0, 0.0, IN_ONE_TONE)
    evidence = evidence_of(sight, believed(sight.marks, OPEN))
    assert evidence.open_share > FLOOD_SHARE
    assert evidence.log_odds > SURELY_DAMAGED
    found = found_in(sight, NO_FACES, told=False)
    assert np.count_nonzero(found) == (36 * 36 if certain_share > 1 else 0)


@pytest.mark.parametrize("certain", [False, True])
def test_where_next_to_nothing_is_certain_an_old_print_is_looked_at_warily(certain: bool) -> None:
    """A sky of clouds: much looks like damage, and the photo has faded, it seems."""
    count = round(CERTAIN_SHARE * 400) + (0 if certain else -1)
    sight = Sight(_block((60, 80), count), 1.0, 0.0, IN_ONE_TONE)
    odds = evidence_of(sight, believed(sight.marks, OPEN)).log_odds
    assert odds > SURELY_DAMAGED
    found = found_in(sight, NO_FACES, told=False)
    assert np.count_nonzero(found) == (400 if certain else 0)


def test_an_old_print_that_may_be_damaged_is_looked_at_warily() -> None:
    """What would be left alone for its doubtful neighbours elsewhere is found; they are not."""
    marks = np.zeros((300, 300), np.uint8)
    marks[:40, :40] = _block((40, 40), 0)
    line = maps_with((OPEN.certain + STRICT.certain) / 2, np.s_[5:6, 2:32], 0)
    line[:, 5, 2:17] = 1.0
    marks[100:140, :40] = marks_from_maps(line)
    sight = Sight(marks, 0.0, 0.0, IN_ONE_TONE)
    odds = evidence_of(sight, believed(marks, OPEN)).log_odds
    for faded, found_px in ((0.0, 0), ((MAYBE_DAMAGED + 0.1 - odds) / 0.906, 30)):
        now = Sight(marks, faded, 0.0, IN_ONE_TONE)
        assert np.count_nonzero(found_in(now, NO_FACES, told=False)) == found_px


def test_what_is_beyond_doubt_is_found_on_every_photo() -> None:
    marks = np.zeros((200, 200), np.uint8)
    marks[:40, :40] = marks_from_maps(maps_with(1.0, np.s_[5:6, 2:32], 0))
    for colour in (COLOURFUL, IN_ONE_TONE):
        sight = Sight(marks, 0.0, 0.0, colour)
        assert np.count_nonzero(found_in(sight, NO_FACES, told=False)) == 30


@pytest.mark.parametrize("look", [STRICT, WARY, OPEN, TOLD])
def test_single_pixels_are_grain_not_dust(look: Look) -> None:
    maps = np.maximum(maps_with(1.0, np.s_[30:36, 30:36], 2), maps_with(1.0, np.s_[5:6, 5:7], 3))
    assert not kept(marks_from_maps(maps), look)[:20].any()


@pytest.mark.parametrize("kind", range(4))
def test_the_kind_is_the_networks(kind: int) -> None:
    marks = kept(marks_from_maps(maps_with(1.0, np.s_[10:20, 10:20], kind)), STRICT)
    flag = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)[kind]
    assert set(np.unique(marks)) == {0, int(flag)}


def test_looks_share_what_the_marks_can_tell_apart() -> None:
    assert OPEN.weak == WARY.weak == STRICT.weak
    assert WARY.certain == STRICT.certain
    assert OPEN.certain == TOLD.certain
    assert TOLD.weak <= OPEN.weak <= OPEN.certain <= STRICT.certain


def test_a_large_scan_is_looked_at_from_half_its_size_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the half is seen, at the scan's own size; progress only rises."""
    pixels = age(data.astronaut(), 12, AgeingRecipe.demo()).photo
    scan = np.rint(pixels[:400, :500] * 255).astype(np.uint8)
    half = np.asarray(cv2.resize(scan, (250, 200), interpolation=cv2.INTER_AREA), np.uint8)
    network = bundled_model("damage").open(1)
    expected = see(network, half, 768, quiet)
    assert expected.marks.any()
    monkeypatch.setattr("resilver.stages.sight.FINEST_PX", scan.shape[0] * scan.shape[1] - 1)
    shares: list[float] = []
    seen = see(network, scan, 768, shares.append)
    np.testing.assert_array_equal(seen.marks[::2, ::2], expected.marks)
    np.testing.assert_array_equal(seen.marks[1::2, 1::2], expected.marks)
    assert (seen.faded, seen.cast) == (expected.faded, expected.cast)
    assert seen.colour == colour_left(scan)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    monkeypatch.setattr("resilver.stages.sight.FINEST_PX", scan.shape[0] * scan.shape[1])
    closer = see(network, scan, 768, quiet)
    assert (closer.marks != seen.marks).any()


def test_where_a_cut_out_is_hidden_nothing_is_seen() -> None:
    """Neither damage, nor in how many colours the photo is."""
    aged = age(data.astronaut()[:384, :384], 12, AgeingRecipe.demo()).photo
    pixels = np.rint(aged * 255).astype(np.uint8)
    network = bundled_model("damage").open(1)
    whole = see(network, pixels, 768, quiet)
    seen = np.zeros((384, 384), np.bool_)
    seen[:, :100] = True
    assert whole.marks[~seen].any()
    part = see(network, pixels, 768, quiet, seen * np.uint8(255))
    assert not part.marks[~seen].any()
    np.testing.assert_array_equal(part.marks[seen], whole.marks[seen])
    grey = pixels.mean(axis=2, keepdims=True).astype(np.uint8)
    coloured = np.where(seen[..., None], grey, pixels)
    alpha = seen * np.uint8(255)
    assert see(network, coloured, 768, quiet, alpha).colour < 0.5
    assert see(network, coloured, 768, quiet).colour > 2.5


@pytest.mark.parametrize(("finer", "found_px"), [(0.001, 0), (0.5, 1600), (0.95, 1600)])
def test_what_only_the_half_sees_is_doubted(finer: float, found_px: int) -> None:
    """A block that is likely at half the size, and that the size itself denies or not."""
    row = np.linspace(0, 200, 400).astype(np.uint8)
    pixels = np.tile(row[None, :, None], (400, 1, 3))

    class Answers:
        def run(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
            height, width = image.shape[2:]
            maps = np.full((1, 5, height, width), 0.001, np.float32)
            block = np.s_[height // 5 : 3 * height // 10, width // 5 : 3 * width // 10]
            for index in (0, 4):
                maps[(0, index, *block)] = 0.95 if height == 200 else finer
            return maps, np.zeros((1, 2), np.float32)

    sight = see(Answers(), pixels, None, quiet)  # pyright: ignore[reportArgumentType]
    assert np.count_nonzero(sight.marks) == found_px
    assert not sight.marks[:80].any()


@pytest.mark.parametrize("agrees", [False, True])
def test_stains_seen_by_their_colour_need_the_network_to_agree(
    monkeypatch: pytest.MonkeyPatch, agrees: bool
) -> None:
    pixels = np.full((224, 224, 3), 120, np.uint8)
    stains = np.zeros((224, 224), np.bool_)
    stains[40:80, 40:80] = True
    monkeypatch.setattr("resilver.stages.sight.off_tone_stains", lambda _pixels: stains)
    level = TOLD.weak + 0.01 if agrees else TOLD.weak - 0.01

    class Answers:
        def run(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
            maps = np.zeros((1, 5, *image.shape[2:]), np.float32)
            maps[:, (2, 4), 44:56, 44:56] = level
            return maps, np.zeros((1, 2), np.float32)

    sight = see(Answers(), pixels, 768, quiet)  # pyright: ignore[reportArgumentType]
    found = found_in(sight, NO_FACES, told=False)
    assert np.array_equal(found, stains if agrees else np.zeros_like(stains))


def a_face(scale: float) -> Faces:
    """A face whose box is 40 x 48 px times the scale, from (10, 8) times the scale on."""
    box = np.array([[10, 8, 50, 56]], np.float32)
    points = np.array([[[21, 26], [39, 26], [30, 37], [23, 46], [37, 46]]], np.float32)
    return Faces(box * scale, points * scale, np.ones(1, np.float32))


SURE, DOUBTFUL, FAINT = 1.0, (OPEN.certain + STRICT.certain) / 2, TOLD.weak + 0.01


@pytest.mark.parametrize(
    ("where", "level", "stays"),
    [
        (np.s_[23:25, 16:24], DOUBTFUL, False),  # an eyebrow
        (np.s_[23:25, 16:24], SURE, True),  # a scratch over it, beyond doubt
        (np.s_[23:25, 0:150], DOUBTFUL, True),  # a crack across the face, most of it elsewhere
        (np.s_[15:17, 26:36], DOUBTFUL, True),  # on the forehead: as without a face
        (np.s_[100:102, 20:40], DOUBTFUL, True),  # outside
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_of_eyes_nose_and_mouth_only_what_is_beyond_doubt_is_damage(
    where: tuple[slice, slice], level: float, stays: bool, told: bool
) -> None:
    maps = np.zeros((5, 160, 160), np.float32)
    maps[:, 120:127, 20:120] = DOUBTFUL
    maps[:, 120, 20:65] = SURE  # so that the photo is likely to be damaged
    maps[(4, 0), *where] = level
    sight = Sight(marks_from_maps(maps), 0.0, 0.0, IN_ONE_TONE)
    assert found_in(sight, NO_FACES, told=told)[where].all()
    found = found_in(sight, a_face(1.0), told=told)
    assert bool(found[where].all()) == bool(found[where].any()) == stays
    assert found[122, 100]


MISSING, SCRATCH = 1, 0  # in the network's order


@pytest.mark.parametrize(
    ("where", "kind", "level", "stays"),
    [
        (np.s_[60:70, 20:34], MISSING, DOUBTFUL, False),  # a bare neck
        (np.s_[2:9, 52:62], MISSING, DOUBTFUL, False),  # a ribbon
        (np.s_[60:70, 20:34], MISSING, SURE, True),  # a piece is torn out, beyond doubt
        (np.s_[60:62, 20:34], MISSING, DOUBTFUL, True),  # too thin for a collar
        (np.s_[60:70, 20:34], SCRATCH, DOUBTFUL, True),
        (np.s_[60:70, 100:114], MISSING, DOUBTFUL, True),  # far from the person
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_a_solid_shape_beside_a_face_may_be_worn(
    where: tuple[slice, slice], kind: int, level: float, stays: bool, told: bool
) -> None:
    maps = np.zeros((5, 160, 160), np.float32)
    maps[(4, SCRATCH), 120:127, 20:120] = DOUBTFUL
    maps[(4, SCRATCH), 120, 20:65] = SURE
    maps[(4, kind), *where] = level
    sight = Sight(marks_from_maps(maps), 0.0, 0.0, IN_ONE_TONE)
    assert found_in(sight, NO_FACES, told=told)[where].all()
    found = found_in(sight, a_face(1.0), told=told)
    assert bool(found[where].all()) == bool(found[where].any()) == stays


@pytest.mark.parametrize("told", [False, True])
def test_in_a_face_nothing_more_is_believed_for_being_told(told: bool) -> None:
    maps = np.zeros((5, 160, 160), np.float32)
    maps[:, 120:127, 20:120] = DOUBTFUL
    maps[:, 120, 20:65] = SURE  # likely, not surely
    for where in (np.s_[15:17, 26:36], np.s_[80:82, 26:36]):  # the forehead, and outside
        maps[(4, 0), *where] = FAINT
        maps[(4, 0), where[0].start, where[1].start] = SURE
    sight = Sight(marks_from_maps(maps), 0.0, 0.0, IN_ONE_TONE)
    found = found_in(sight, a_face(1.0), told=told)
    assert bool(found[80, 30]) == told
    assert not found[15, 30]


def test_damage_beyond_doubt_is_as_good_as_being_told() -> None:
    maps = np.zeros((5, 160, 160), np.float32)
    maps[(4, 0), 80:82, 26:36] = FAINT
    maps[(4, 0), 80, 26] = SURE
    maps[:, 120:130, 20:120] = DOUBTFUL
    for certain_px, told in ((41, False), (100, True)):
        maps[:, 120, 20 : 20 + certain_px] = SURE
        sight = Sight(marks_from_maps(maps), 0.0, 0.0, IN_ONE_TONE)
        odds = evidence_of(sight, believed(sight.marks, OPEN)).log_odds
        assert (odds >= SURELY_DAMAGED) == told
        assert odds >= LIKELY_DAMAGED
        found = found_in(sight, NO_FACES, told=False)
        assert found[125, 60]
        assert bool(found[80, 30]) == told
