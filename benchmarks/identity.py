"""How far a face's identity moved: the embedder beside its teacher and another network.

python benchmarks/identity.py [--model identity.onnx] [--write]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.ageing import AgeingRecipe, age
from resilver.evaluate.identity import (
    Embedder,
    correlation,
    pairs,
    rank_correlation,
    strangers,
    told_apart,
)
from resilver.evaluate.suites import read_photos, spread
from resilver.evaluate.tables import figure, markdown_table, median_and_spread
from resilver.imaging.alignment import IDENTITY_FRAME, cut, frame_of
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import bundled_model
from resilver.stages.detection import placed_faces
from resilver.stages.identity import SIDE_PX, WARN_BELOW

SUITES = ("groups", "faces256", "faces512")
SIZE = (0.25, 1.0)  # of damage: a face is a part of a print
# level -> how a face is aged, and the side at which its picture is seen, px
LEVELS = {
    "mild": (AgeingRecipe.light(), 256),
    "medium": (AgeingRecipe(), 128),
    "severe": (AgeingRecipe.heavy(), 64),
}
THRESHOLDS = (0.3, 0.4, 0.5, 0.6)

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Suite:
    """The faces of a suite in the frame of identity; arrays (n, 112, 112, 3) in [0, 1]."""

    clean: Values
    aged: dict[str, Values]  # by level
    missed: int  # photos in which no face was found

    @property
    def swapped(self) -> Values:
        """Each head with the eyes, nose and mouth of the next person, in its own colours."""
        inner = np.zeros((SIDE_PX, SIDE_PX), np.float32)
        cv2.ellipse(inner, (56, 70), (32, 38), 0.0, 0.0, 360.0, (1.0,), -1)
        inner = cv2.GaussianBlur(inner, (0, 0), 3.0)[..., None]
        others = np.roll(self.clean, 1, axis=0)
        mine, theirs = (_colours(faces, inner) for faces in (self.clean, others))
        others = (others - theirs[0]) * (mine[1] / np.maximum(theirs[1], 1e-3)) + mine[0]
        return self.clean + inner * (np.clip(others, 0, 1) - self.clean)


def measure(arguments: argparse.Namespace) -> str:
    threads = arguments.threads
    ours = (
        OrtNetwork(arguments.model, threads)
        if arguments.model
        else bundled_model("identity").open(threads)
    )
    mobile = OrtNetwork(arguments.weights / "mobilefacenet-insightface.onnx", threads)
    edge = OrtNetwork(arguments.weights / "edgeface_xs.onnx", threads)
    embedders = {
        "resilver identity": Embedder(ours),
        "MobileFaceNet (teacher)": Embedder(mobile, 255.0),
        "EdgeFace XS": Embedder(edge, 2.0, -1.0),
    }
    detector = bundled_model("detect").open(threads)
    suites: dict[str, Suite] = {}
    for name in SUITES:
        suites[name] = read_suite(arguments.data / name, detector, arguments.photos)
        note(f"{name}: {len(suites[name].clean)} faces, {suites[name].missed} not found")
    counts = ", ".join(f"`{name}` {len(suite.clean)}" for name, suite in suites.items())
    missed = sum(suite.missed for suite in suites.values())
    return f"""## Identity

Faces ({counts}; {missed} more in which the bundled detector found none), aligned by its points.

### Agreement on the photos as they are

*Cosine*: of the embedding with the teacher's, mean. *Pairs*: Pearson's and Spearman's correlation
of the similarities of all pairs of people, with those by the teacher and by EdgeFace XS, which took
no part in training.

{agreement(embedders, suites)}

### A face before and after, or another person

Each face aged (mild: our light recipe at its own size, at most 256 px for the whole picture;
medium: the default at 128 px; severe: the heavy one at 64 px), with fixed seeds, then compared with
itself as it was (*own*) and with other people as they were (*stranger*). *Told apart*: the chance
that an own similarity is above a stranger's.

{apart(embedders, suites)}

### When the report warns

The warning comes below {WARN_BELOW:g}, chosen on `groups`. In percent: warnings about the own face
(false alarms), about a stranger in its place, and about the own head with a stranger's eyes, nose
and mouth in it, of the own colours: what a restoration that invents would look like.

{warnings(embedders["resilver identity"], suites)}

### Speed

Milliseconds a face on one core, one face at a time, median of 5 runs of 50 (and their range):
{speed(arguments.model)}."""


def _colours(faces: Values, inner: Values) -> tuple[Values, Values]:
    """Mean and deviation of each face's colours, (n, 1, 1, 3), under a mask (S, S, 1)."""
    mean = (faces * inner).sum(axis=(1, 2), keepdims=True) / inner.sum()
    square = (np.square(faces - mean) * inner).sum(axis=(1, 2), keepdims=True) / inner.sum()
    return mean, np.sqrt(square)


def read_suite(folder: Path, detector: Network, count: int | None) -> Suite:
    """Finds, ages and cuts out the faces of a folder; every photo has a seed of its own."""
    photos = read_photos(folder)
    clean: list[Values] = []
    aged: dict[str, list[Values]] = {level: [] for level in LEVELS}
    missed = 0
    for number in spread(len(photos), count):
        photo = photos[number].read_u8()
        faces = placed_faces(detector, photo)
        if not len(faces):
            missed += 1
            continue
        points = faces.points[int(faces.sides_px.argmax())]
        matrix = frame_of(points, IDENTITY_FRAME, SIDE_PX)
        clean.append(cut(photo, matrix, SIDE_PX))
        for index, level in enumerate(LEVELS):
            seed = 70_000 + 10 * number + index
            aged[level].append(cut(weathered(photo, level, seed), matrix, SIDE_PX))
    return Suite(np.stack(clean), {level: np.stack(faces) for level, faces in aged.items()}, missed)


def weathered(photo: Pixels, level: str, seed: int) -> Pixels:
    """A square photo aged at the size of this level, and brought back to its own."""
    recipe, side = LEVELS[level]
    own = photo.shape[0]
    small = photo
    if side < own:
        small = np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA))
    made = age(small, seed, replace(recipe, size=SIZE, border=0.0)).photo
    if side < own:
        made = cv2.resize(made, (own, own), interpolation=cv2.INTER_CUBIC)
    return np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8)


def agreement(embedders: dict[str, Embedder], suites: dict[str, Suite]) -> str:
    rows: list[list[str]] = []
    for suite_name, suite in suites.items():
        numbers = {name: each.embeddings(suite.clean) for name, each in embedders.items()}
        found = {name: pairs(values) for name, values in numbers.items()}
        ours, teacher, edge = numbers
        cosine = float((numbers[ours] * numbers[teacher]).sum(axis=1).mean())
        for one, other in ((ours, teacher), (ours, edge), (teacher, edge)):
            rows.append(
                [
                    f"`{suite_name}`: {one} with {other}",
                    figure(cosine if other == teacher else float("nan"), 3),
                    figure(correlation(found[one], found[other]), 3),
                    figure(rank_correlation(found[one], found[other]), 3),
                ]
            )
    return markdown_table(["networks", "cosine", "pairs, Pearson", "pairs, Spearman"], rows)


def apart(embedders: dict[str, Embedder], suites: dict[str, Suite]) -> str:
    rows: list[list[str]] = []
    for suite_name, suite in suites.items():
        for name, embedder in embedders.items():
            clean = embedder.embeddings(suite.clean)
            for level, faces in suite.aged.items():
                aged = embedder.embeddings(faces)
                own, others = (aged * clean).sum(axis=1), strangers(aged, clean)
                cells = [
                    *(figure(float(np.percentile(own, share)), 2) for share in (1, 5, 50)),
                    *(figure(float(np.percentile(others, share)), 2) for share in (50, 95, 99)),
                    figure(100 * told_apart(own, others), 2),
                ]
                rows.append([f"`{suite_name}`, {level}: {name}", *cells])
    head = ["faces, ageing: network", "own 1 %", "own 5 %", "own 50 %"]
    head += ["stranger 50 %", "stranger 95 %", "stranger 99 %", "told apart %"]
    return markdown_table(head, rows)


def warnings(embedder: Embedder, suites: dict[str, Suite]) -> str:
    rows: list[list[str]] = []
    thresholds = sorted({*THRESHOLDS, WARN_BELOW})
    for suite_name, suite in suites.items():
        clean, swapped = embedder.embeddings(suite.clean), embedder.embeddings(suite.swapped)
        for level, faces in suite.aged.items():
            aged = embedder.embeddings(faces)
            kinds = {
                "own": (aged * clean).sum(axis=1),
                "a stranger's features": (aged * swapped).sum(axis=1),
                "stranger": strangers(aged, clean),
            }
            for kind, values in kinds.items():
                cells = [figure(100 * float((values < below).mean()), 1) for below in thresholds]
                rows.append([f"`{suite_name}`, {level}: {kind}", *cells])
    return markdown_table(["faces, ageing", *(f"below {below:g}" for below in thresholds)], rows)


def speed(model: Path | None) -> str:
    network = OrtNetwork(model, 1) if model else bundled_model("identity").open(1)
    face = np.random.default_rng(0).random((1, 3, SIDE_PX, SIDE_PX), np.float32)
    milliseconds: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(50):
            network.run(face)
        milliseconds.append((time.perf_counter() - started) / 50 * 1e3)
    return median_and_spread(milliseconds, 1)


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, help="another network with its card beside it")
    run("identity", arguments.parse_args(), measure)
