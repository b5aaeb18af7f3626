"""How telling faces apart is measured, on vectors whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.evaluate.identity import (
    Embedder,
    correlation,
    pairs,
    rank_correlation,
    strangers,
    told_apart,
)


class Mean:
    """A network that answers with the mean of each channel."""

    def run(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        return (inputs[0].mean(axis=(2, 3)),)


def test_embeddings_have_length_1_and_come_in_order() -> None:
    levels = np.random.default_rng(0).random((70, 1, 1, 3), np.float32)
    faces = np.broadcast_to(levels, (70, 112, 112, 3))
    found = Embedder(Mean(), gain=2.0, offset=-1.0).embeddings(faces)
    expected = 2 * levels[:, 0, 0] - 1
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_pairs_leave_out_a_face_with_itself() -> None:
    unit = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    np.testing.assert_allclose(pairs(unit), [0, 0.6, 0.8])
    turned = unit[:, ::-1]
    np.testing.assert_allclose(strangers(unit, turned), [1, 0.8, 1, 0.6, 0.8, 0.6])


def test_correlations() -> None:
    values = np.array([0.1, 0.5, 0.2, 0.9], np.float32)
    assert correlation(values, 3 - 2 * values) == pytest.approx(-1)
    assert rank_correlation(values, np.exp(5 * values)) == pytest.approx(1)
    assert correlation(values, np.exp(5 * values)) < 0.95


def test_told_apart_is_the_share_of_right_orders() -> None:
    own, others = np.array([0.5, 0.9], np.float32), np.array([0.1, 0.6, 0.7, 0.2], np.float32)
    assert told_apart(own, others) == pytest.approx(6 / 8)
