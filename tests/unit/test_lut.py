"""Tables of colours and fields of light: exact where they can be, smooth everywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.imaging.lut import ColourTable, apply_field, spline_weights

Values = NDArray[np.float32]
NODES = 5


def table_of(change: object) -> Values:
    """(3, B, G, R) of a function of (red, green, blue)."""
    steps = np.linspace(0, 1, NODES, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.stack(change(red, green, blue)).astype(np.float32)  # type: ignore[operator]


def colours(count: int = 500) -> Values:
    return np.random.default_rng(0).random((count, 3), np.float32)


def test_the_table_of_no_change_changes_nothing_at_sixteen_bits() -> None:
    levels = np.arange(65536, dtype=np.float32) / 65535
    grey = np.repeat(levels[:, None], 3, axis=1)
    result = ColourTable.of(table_of(lambda r, g, b: (r, g, b))).apply(grey)
    np.testing.assert_array_equal(np.rint(result * 65535), np.rint(grey * 65535))


def test_products_of_colours_are_exact() -> None:
    """Trilinear interpolation reproduces whatever is linear in each colour alone."""

    def mixed(red: Values, green: Values, blue: Values) -> tuple[Values, ...]:
        return red * green * blue, 0.5 * blue - 0.2 * red * green, 1 - red + 0.3 * green * blue

    given = colours()
    result = ColourTable.of(table_of(mixed)).apply(given)
    np.testing.assert_allclose(result, np.stack(mixed(*given.T), axis=1), atol=2e-6)


def test_nodes_come_out_as_they_stand_and_in_between_neighbours_are_mixed() -> None:
    table = np.random.default_rng(1).random((3, NODES, NODES, NODES), np.float32)
    found = ColourTable.of(table)
    steps = np.linspace(0, 1, NODES, dtype=np.float32)
    for blue, green, red in itertools.product(range(NODES), repeat=3):
        given = steps[[red, green, blue]][None]
        np.testing.assert_allclose(found.apply(given)[0], table[:, blue, green, red], atol=1e-6)
    between = np.array([[0.5 * (steps[1] + steps[2]), steps[3], steps[0]]], np.float32)
    expected = 0.5 * (table[:, 0, 3, 1] + table[:, 0, 3, 2])
    np.testing.assert_allclose(found.apply(between)[0], expected, atol=1e-6)


def test_colours_beyond_the_range_count_as_its_ends() -> None:
    found = ColourTable.of(table_of(lambda r, g, b: (g, b, r)))
    given = np.array([[-0.5, 0.5, 1.5]], np.float32)
    np.testing.assert_allclose(found.apply(given), [[0.5, 1.0, 0.0]], atol=1e-6)


def test_a_picture_keeps_its_shape_whatever_its_size() -> None:
    found = ColourTable.of(table_of(lambda r, g, b: (1 - r, 1 - g, 1 - b)))
    picture = np.random.default_rng(2).random((130, 257, 3), np.float32)
    np.testing.assert_allclose(found.apply(picture), 1 - picture, atol=1e-6)
    with pytest.raises(ValueError, match="a table is"):
        ColourTable.of(np.zeros((3, 4, 4, 5), np.float32))


@pytest.mark.parametrize(("length", "cells"), [(64, 8), (7, 8), (1000, 8), (1, 4)])
def test_the_weights_of_a_field_share_out_one(length: int, cells: int) -> None:
    weights = spline_weights(length, cells)
    assert weights.shape == (length, cells)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    start, stop = length // 3, length // 3 + max(length // 4, 1)
    np.testing.assert_array_equal(spline_weights(length, cells, start, stop), weights[start:stop])


def test_a_field_has_no_edges_and_follows_its_points() -> None:
    rising = np.arange(8, dtype=np.float32)
    drawn = spline_weights(800, 8) @ rising
    middle = drawn[150:650]
    np.testing.assert_allclose(np.diff(middle), 0.01, atol=1e-5)  # a ramp stays a ramp
    assert np.abs(np.diff(drawn, n=2)).max() < 2e-4


def test_a_field_of_gains_and_lifts() -> None:
    field = np.zeros((6, 4, 4), np.float32)
    field[0], field[1], field[2] = 2.0, 1.0, 0.5
    field[4] = 0.25
    picture = np.full((10, 12, 3), 0.25, np.float32)
    lit = apply_field(field, picture, spline_weights(10, 4), spline_weights(12, 4))
    np.testing.assert_allclose(lit, np.broadcast_to([0.5, 0.5, 0.125], lit.shape), atol=1e-6)
