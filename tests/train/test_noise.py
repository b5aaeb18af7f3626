"""Noise: unbiased, as strong as it says, and independent from draw to draw."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.train.noise import Noise, draw_noise

KINDS = [
    Noise("gaussian", 0.1, 0.0, 1.0),
    Noise("gaussian", 0.1, 0.0, 0.0),
    Noise("poisson", 0.1, 0.0, 1.0),
    Noise("grain", 0.08, 0.0, 1.0),
    Noise("grain", 0.08, 0.8, 0.3),
]


@pytest.mark.parametrize("noise", KINDS)
def test_the_mean_of_observations_is_the_clean_photo(noise: Noise) -> None:
    rng = np.random.default_rng(0)
    clean = np.full((200, 200, 3), 0.4, np.float32)
    seen = noise.draw(clean, rng)
    spread = (seen - clean).std()
    # Blurred grain of 0.8 px makes eight pixels as good as one, so its mean strays three times.
    strays = 3 if noise.grain_px else 1
    assert abs(float((seen - clean).mean())) < 4 * strays * spread / 200
    assert 0.6 * noise.sigma < spread < 1.5 * noise.sigma


@pytest.mark.parametrize("noise", KINDS)
def test_two_observations_are_independent(noise: Noise) -> None:
    rng = np.random.default_rng(1)
    clean = np.full((200, 200, 3), 0.5, np.float32)
    first, second = noise.draw(clean, rng) - clean, noise.draw(clean, rng) - clean
    assert abs(float(np.corrcoef(first.ravel(), second.ravel())[0, 1])) < 0.03


@pytest.mark.parametrize("noise", KINDS)
def test_the_mean_of_eight_observations_has_an_eighth_of_the_variance(noise: Noise) -> None:
    rng = np.random.default_rng(2)
    clean = np.full((200, 200, 3), 0.5, np.float32)
    one = (noise.draw(clean, rng) - clean).var()
    eight = (noise.draw(clean, rng, observations=8) - clean).var()
    assert eight == pytest.approx(one / 8, rel=0.15)


def test_a_monochrome_draw_has_equal_channels() -> None:
    rng = np.random.default_rng(3)
    clean = np.full((32, 32, 3), 0.5, np.float32)
    for _ in range(20):
        seen = draw_noise(rng, mono=True).draw(clean, rng)
        np.testing.assert_array_equal(seen[..., 0], seen[..., 1])
        np.testing.assert_array_equal(seen[..., 0], seen[..., 2])
