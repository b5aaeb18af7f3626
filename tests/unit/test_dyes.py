"""Fading: what it does to tones, and what it leaves alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resilver.ageing.dyes import FadingMix, fade_tones, plan_dyes

SEEDS = range(12)


def ramp() -> NDArray[np.float32]:
    grey = np.linspace(0, 1, 64, dtype=np.float32)
    return np.ascontiguousarray(np.broadcast_to(grey[None, :, None], (48, 64, 3)))


def test_the_same_seed_fades_alike() -> None:
    first, second = (
        fade_tones(ramp(), np.random.default_rng(3), monochrome=False) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    other = fade_tones(ramp(), np.random.default_rng(4), monochrome=False)
    assert np.abs(first - other).max() > 0.02


def test_the_result_has_the_levels_of_a_scan() -> None:
    faded = fade_tones(ramp(), np.random.default_rng(1), monochrome=False)
    assert faded.dtype == np.float32
    assert faded.min() >= 0
    assert faded.max() <= 1
    np.testing.assert_allclose(faded * 255, np.rint(faded * 255), atol=1e-4)


def test_dyes_lose_density_each_at_its_rate_and_whites_turn_yellow() -> None:
    spreads: list[float] = []
    for seed in SEEDS:
        faded = plan_dyes(np.random.default_rng(seed), 1.0)(ramp())[0]
        assert (np.diff(faded, axis=0) >= -1e-6).all()  # what was brighter stays brighter
        assert (faded[0] > 0.07).all()  # blacks lift
        assert faded[-1, 2] <= faded[-1, 1] <= faded[-1, 0] + 1e-6
        spreads.append(float(np.ptp(faded[0])))
    assert np.median(spreads) > 0.05


def test_a_black_and_white_print_gets_no_colour_but_yellow() -> None:
    plain = FadingMix(uneven=0.0)
    for seed in SEEDS:
        faded = fade_tones(ramp(), np.random.default_rng(seed), plain, monochrome=True)
        # Its channels stay functions of brightness: no pixel of the same grey has another colour.
        assert np.ptp(faded, axis=0).max() == 0.0


def test_uneven_fading_differs_from_place_to_place() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    uneven = FadingMix(uneven=1.0)
    spreads = [
        np.ptp(fade_tones(flat, np.random.default_rng(seed), uneven, monochrome=False)[..., 1])
        for seed in SEEDS
    ]
    assert np.median(spreads) > 0.05
