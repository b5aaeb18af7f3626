"""Fits what speaks for a photo being damaged (`resilver.stages.recognition.Evidence`).

python benchmarks/evidence.py --photos ../shared/data/train/photos-varied.tar

Sound: the photos as they are, grey, toned, and aged without structural damage. Damaged: the same
ones aged, where half a percent of the print is hit. Of all these only what looks old counts, since
only there the weights are asked. Every second photo is left out of the recogniser's training; it is
those that are aged. Prints the weights, and what the thresholds in use make of sound and damaged
ones; the photos of `eval` are not looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import AgeingRecipe, age
from resilver.models.session import Network
from resilver.models.store import bundled_model
from resilver.stages.looks import OPEN, believed
from resilver.stages.recognition import (
    FLOOD_SHARE,
    LEAST_SHARE,
    LIKELY_DAMAGED,
    SURELY_DAMAGED,
    Evidence,
    evidence_of,
)
from resilver.stages.sight import see
from resilver.train.photos import find_shards

Picture = NDArray[np.uint8]
HIT_SHARE = 0.005  # of the print, from which on it is damaged
RIDGE = 1.0
SEED = 90_000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--photos", type=Path, required=True, help="a folder or tar of photos")
    asked.add_argument("--threads", type=int, default=None)
    arguments = asked.parse_args()
    network = bundled_model("damage").open(arguments.threads)
    found: list[tuple[Evidence, bool]] = []
    for index, shard in enumerate(find_shards([arguments.photos])):
        for picture, damaged in _states(shard.read(), index):
            evidence = _evidence(network, picture)
            if evidence is not None and evidence.open_share >= LEAST_SHARE:
                found.append((evidence, damaged))
    damaged = np.array([truth for _, truth in found])
    weights, bias = fitted(np.array([one.terms for one, _ in found]), damaged)
    print(f"{int(damaged.sum())} damaged, {int((~damaged).sum())} sound ones look old")
    print("weights", np.round(weights, 3).tolist(), "bias", round(bias, 2))
    odds = np.array([one.log_odds for one, _ in found])
    odds[[one.open_share > FLOOD_SHARE for one, _ in found]] = -np.inf
    for name, least in (("likely", LIKELY_DAMAGED), ("surely", SURELY_DAMAGED)):
        of_both = [f"{100 * (odds[which] >= least).mean():.0f} %" for which in (damaged, ~damaged)]
        print(f"called {name} damaged: {' of damaged, '.join(of_both)} of sound")


def _states(photo: Picture, index: int) -> Iterator[tuple[Picture, bool]]:
    """A photo in several states, and whether it is damaged in each."""
    yield photo, False
    if index % 2 == 0:
        return
    grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.float32)[..., None] / 255
    sepia = (0.08 + 0.84 * grey) ** np.array((0.85, 1.0, 1.2), np.float32)
    yield _levels(sepia if index % 4 == 1 else grey), False
    aged = age(photo, SEED + index, AgeingRecipe())
    hit = float((aged.masks.max(axis=2) > 0).mean())
    if hit >= HIT_SHARE or hit == 0.0:
        yield _levels(aged.photo), hit > 0.0
    yield _levels(aged.intact), False


def _levels(picture: NDArray[np.float32]) -> Picture:
    levels = np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels


def _evidence(network: Network, picture: Picture) -> Evidence | None:
    """None where the photo does not look old."""
    sight = see(network, picture, None, lambda _share: None)
    if not sight.is_old:
        return None
    return evidence_of(sight, believed(sight.marks, OPEN))


def fitted(
    terms: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Weights (k,) and bias of a logistic regression on terms (n, k); both classes weigh the same.

    By Newton's method, with a ridge on standardised weights.
    """
    mean, spread = terms.mean(axis=0), terms.std(axis=0)
    known = np.column_stack(((terms - mean) / spread, np.ones(len(terms))))
    share = np.where(truth, 0.5 / truth.mean(), 0.5 / (1.0 - truth.mean()))
    ridge = RIDGE * np.diag([1.0] * terms.shape[1] + [0.0])
    found = np.zeros(known.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-known @ found))
        slope = known.T @ (share * (p - truth)) + ridge @ found
        curve = (known.T * (share * p * (1.0 - p))) @ known + ridge
        found -= np.linalg.solve(curve, slope)
    weights = found[:-1] / spread
    return weights, float(found[-1] - weights @ mean)


if __name__ == "__main__":
    main()
