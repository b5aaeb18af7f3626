"""Tables of colours: a photo of any size through a 3D lookup table, in float32, strip by strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

_CHUNK_PX = 1 << 14  # pixels at a time: what is computed in between stays in the cache


@dataclass(frozen=True, eq=False)
class ColourTable:
    """A colour for red, green and blue at even steps from 0 to 1; trilinear in between."""

    # (24, cells): of each cell the coefficients of 1, r, g, rg, b, rb, gb, rgb, times 3 channels
    coefficients: Values
    nodes: int  # along each axis

    @classmethod
    def of(cls, table: Values) -> ColourTable:
        """From (3, B, G, R): the last axis is red."""
        nodes = table.shape[-1]
        if table.shape != (3, nodes, nodes, nodes):
            raise ValueError(f"a table is (3, n, n, n), not {table.shape}")
        terms = [table]
        # Along each axis: the value at the cell's start, and how much it grows to the cell's end.
        for axis in (3, 2, 1):
            starts = [np.delete(term, nodes - 1, axis) for term in terms]
            terms = [*starts, *(np.diff(term, axis=axis) for term in terms)]
        return cls(np.concatenate([term.reshape(3, -1) for term in terms]), nodes)

    def apply(self, colours: Values) -> Values:
        """(..., 3) float32, clipped to [0, 1] first -> the same shape; not clipped."""
        flat = colours.reshape(-1, 3)
        out = np.empty_like(flat)
        for start in range(0, len(flat), _CHUNK_PX):
            chunk = slice(start, start + _CHUNK_PX)
            self._apply(flat[chunk], out[chunk])
        return out.reshape(colours.shape)

    def _apply(self, colours: Values, out: Values) -> None:
        steps = self.nodes - 1
        scaled = np.clip(colours.T, 0.0, 1.0) * np.float32(steps)  # (3, n), one plane a channel
        cells = np.minimum(scaled.astype(np.int32), steps - 1)
        red, green, blue = scaled - cells
        # As numpy indexes, else each of the 24 look-ups below would convert it.
        index = ((cells[2] * steps + cells[1]) * steps + cells[0]).astype(np.intp)

        def grown(term: int, channel: int) -> Values:
            """One term and the next, joined along red."""
            value = self.coefficients[3 * (term + 1) + channel].take(index, mode="clip")
            value *= red
            value += self.coefficients[3 * term + channel].take(index, mode="clip")
            return value

        for channel in range(3):
            value = grown(6, channel)
            value *= green
            value += grown(4, channel)
            value *= blue
            inner = grown(2, channel)
            inner *= green
            value += inner
            value += grown(0, channel)
            out[:, channel] = value


def spline_weights(length: int, cells: int, start: int = 0, stop: int | None = None) -> Values:
    """Weights (stop - start, cells) of control points that lie evenly along `length` pixels.

    A uniform cubic B-spline: bends nowhere sharply, so that no seam of the field shows. The
    outermost points go on beyond the ends; the weights of each pixel sum to 1.
    """
    pixels = np.arange(start, length if stop is None else stop, dtype=np.float64)
    places = (pixels + 0.5) / length * cells - 0.5
    first = np.floor(places).astype(np.intp)
    t = places - first
    parts = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    weights = np.zeros((len(pixels), cells))
    rows = np.arange(len(pixels))
    for offset, part in enumerate(parts):
        np.add.at(weights, (rows, np.clip(first + offset - 1, 0, cells - 1)), part)
    return weights.astype(np.float32)


def apply_field(field: Values, pixels: Values, rows: Values, columns: Values) -> Values:
    """Gains and lifts (6, cells, cells) on (h, w, 3): gain * pixels + lift.

    `rows` (h, cells) and `columns` (w, cells) are the weights of the control points.
    """
    smooth = np.matmul(np.matmul(rows, field), columns.T)  # (6, h, w)
    out = np.empty_like(pixels)
    for channel in range(3):
        out[..., channel] = pixels[..., channel] * smooth[channel] + smooth[3 + channel]
    return out
