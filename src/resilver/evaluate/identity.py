"""How well faces are told apart: embeddings, how alike two networks find pairs, warnings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.models.session import Network

Values = NDArray[np.float32]
_AT_ONCE = 32  # faces in one run of a network


@dataclass(frozen=True)
class Embedder:
    """A network that tells faces apart, and the levels that it takes."""

    network: Network
    gain: float = 1.0  # levels in [0, 1] times this ...
    offset: float = 0.0  # ... plus this are what it takes

    def embeddings(self, faces: Values) -> Values:
        """(n, 112, 112, 3) in [0, 1], aligned -> (n, d), each of length 1."""
        given = np.moveaxis(faces * np.float32(self.gain) + np.float32(self.offset), -1, 1)
        parts = [
            self.network.run(np.ascontiguousarray(given[start : start + _AT_ONCE]))[0]
            for start in range(0, len(given), _AT_ONCE)
        ]
        numbers = np.concatenate(parts)
        return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


def pairs(embeddings: Values) -> Values:
    """Similarities (n * (n - 1) / 2,) of all pairs among (n, d)."""
    above = np.triu_indices(len(embeddings), 1)
    return (embeddings @ embeddings.T)[above]


def strangers(before: Values, after: Values) -> Values:
    """Similarities (n * (n - 1),) of each face (n, d) before with every other person's after."""
    return (before @ after.T)[~np.eye(len(before), dtype=bool)]


def correlation(one: Values, other: Values) -> float:
    """Pearson's of two lists (n,)."""
    return float(np.corrcoef(one, other)[0, 1])


def rank_correlation(one: Values, other: Values) -> float:
    """Spearman's of two lists (n,) without ties."""
    return correlation(_ranks(one), _ranks(other))


def told_apart(own: Values, others: Values) -> float:
    """Chance that a face's similarity (n,) with itself is above one (m,) with a stranger."""
    below = np.searchsorted(np.sort(others), own)
    return float(below.mean() / len(others))


def _ranks(values: Values) -> Values:
    ranks = np.empty(len(values), np.float32)
    ranks[np.argsort(values)] = np.arange(len(values))
    return ranks
