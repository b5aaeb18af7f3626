"""How far a hint of colour reaches: over its thing, not beyond."""

from __future__ import annotations

import numpy as np

from resilver.imaging.colouring import ColourHint
from resilver.imaging.hint_reach import hint_reach

RED = (200, 30, 30)


def a_disc(light: float = 80.0, ground: float = 30.0) -> np.ndarray:
    """(96, 128) lightness: a disc of 60 px on even ground."""
    rows, columns = np.mgrid[:96, :128]
    inside = np.hypot(rows - 48, columns - 64) < 30
    return np.where(inside, light, ground).astype(np.float32)


def test_a_hint_reaches_over_its_thing_and_stops_at_the_edge() -> None:
    reach = hint_reach((ColourHint(640, 480, RED),), a_disc(), (960, 1280))
    assert reach.shape == (96, 128)
    assert reach[48, 64] == 1.0
    assert reach[48, 64 - 24 : 64 + 24].min() > 0.9
    assert reach[:10].max() < 0.1
    assert reach[:, :20].max() < 0.1


def test_a_hint_on_the_ground_goes_around_what_stands_on_it() -> None:
    reach = hint_reach((ColourHint(10, 48, RED),), a_disc(), (96, 128))
    assert reach[48, :28].min() > 0.9
    assert reach[48, 64] < 0.1
    assert reach[5, 64] > 0.5, "above the disc"


def test_over_even_ground_a_hint_fades_with_distance() -> None:
    reach = hint_reach((ColourHint(0, 20, RED),), np.full((40, 200), 50.0, np.float32), (40, 200))
    along = reach[20]
    assert (np.diff(along) <= 1e-6).all()
    assert along[40] > 0.9
    assert 0.4 < along[120] < 0.6
    assert along[199] < 0.05


def test_of_several_hints_the_nearest_counts() -> None:
    light = a_disc()
    one, other = ColourHint(64, 48, RED), ColourHint(10, 10, RED)
    both = hint_reach((one, other), light, light.shape)
    alone = [hint_reach((hint,), light, light.shape) for hint in (one, other)]
    np.testing.assert_allclose(both, np.maximum(*alone), atol=1e-6)
    assert both[48, 64] == both[10, 10] == 1.0


def test_grain_is_no_edge() -> None:
    rng = np.random.default_rng(0)
    grainy = a_disc() + rng.normal(0, 4, (96, 128)).astype(np.float32)
    reach = hint_reach((ColourHint(64, 48, RED),), grainy, (96, 128))
    assert reach[48, 64 - 20 : 64 + 20].min() > 0.8
    assert reach[:, :20].max() < 0.1
