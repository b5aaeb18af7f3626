"""How well faces are found: recall, false alarms, and how far the points are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.faces import Faces, overlaps

MATCH_IOU = 0.35  # detectors draw boxes differently: with or without the forehead


@dataclass(frozen=True, eq=False)
class Truth:
    """The faces of one photo, px."""

    faces: Faces
    doubtful: Faces  # found or not, they count neither way


@dataclass(frozen=True, eq=False)
class Detection:
    """What one detector found in a set of photos, each find judged."""

    scores: NDArray[np.float32]  # (n,), of all finds that count
    right: NDArray[np.bool_]  # (n,): a face of its own
    point_errors: NDArray[np.float32]  # (n,): mean distance of the points, in sides; nan if wrong
    sides_px: NDArray[np.float32]  # (n,): the face's side; nan if wrong
    true_sides_px: NDArray[np.float32]  # of all faces that there are
    photos: int

    def recall(self, threshold: float, sides_px: tuple[float, float] = (0.0, np.inf)) -> float:
        """Share of the faces of these sides that are found with at least this score; nan of none.

        The larger end of `sides_px` does not belong to it.
        """
        least, most = sides_px
        there = (self.true_sides_px >= least) & (self.true_sides_px < most)
        found = self.right & (self.scores >= threshold)
        found &= (self.sides_px >= least) & (self.sides_px < most)
        return float(found.sum() / there.sum()) if there.any() else float("nan")

    def false_alarms(self, threshold: float) -> float:
        """Finds a photo that are no face."""
        return float((~self.right & (self.scores >= threshold)).sum()) / max(self.photos, 1)

    def threshold_for(self, false_alarms: float) -> float:
        """The lowest score from which there are at most so many false alarms a photo."""
        wrong = np.sort(self.scores[~self.right])[::-1]
        allowed = int(np.floor(false_alarms * self.photos + 1e-9))
        return float(np.nextafter(wrong[allowed], np.float32(2))) if wrong.size > allowed else 0.0

    def point_error(self, threshold: float) -> float:
        """Median distance of the points of right finds, in sides of the face; nan of none."""
        counted = self.right & (self.scores >= threshold)
        return float(np.median(self.point_errors[counted])) if counted.any() else float("nan")


def judged(found: Sequence[Faces], truths: Sequence[Truth]) -> Detection:
    """Judges what was found in each photo against what is there; every face counts once."""
    scores: list[float] = []
    right: list[bool] = []
    errors: list[float] = []
    sides: list[float] = []
    for faces, truth in zip(found, truths, strict=True):
        free = np.ones(len(truth.faces), np.bool_)
        for index in np.argsort(-faces.scores, kind="stable"):
            box = faces.boxes[index]
            alike = np.where(free, overlaps(box, truth.faces.boxes), 0.0)
            best = int(alike.argmax()) if alike.size else -1
            hit = best >= 0 and alike[best] >= MATCH_IOU
            if not hit and (overlaps(box, truth.doubtful.boxes) >= MATCH_IOU).any():
                continue
            side, error = float("nan"), float("nan")
            if hit:
                free[best] = False
                side = float(truth.faces.sides_px[best])
                away = faces.points[index] - truth.faces.points[best]
                error = float(np.linalg.norm(away, axis=1).mean()) / max(side, 1e-6)
            scores.append(float(faces.scores[index]))
            right.append(hit)
            errors.append(error)
            sides.append(side)
    true_sides = [truth.faces.sides_px for truth in truths]
    return Detection(
        np.array(scores, np.float32),
        np.array(right, np.bool_),
        np.array(errors, np.float32),
        np.array(sides, np.float32),
        np.concatenate([*true_sides, np.empty(0, np.float32)]),
        len(found),
    )
