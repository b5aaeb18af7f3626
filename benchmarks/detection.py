"""Faces found on aged prints, side by side with two published detectors.

python benchmarks/detection.py [--model detect.onnx] [--write]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.ageing import AgeingRecipe, age
from resilver.evaluate.detection import Detection, Truth, judged
from resilver.evaluate.suites import read_aged, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.faces import NO_FACES, Faces, joined, overlaps, without_doubles
from resilver.models.published_detectors import (
    SLIM,
    SURE,
    YUNET,
    both_sure,
    slim_faces,
    yunet_faces,
)
from resilver.models.session import OrtNetwork
from resilver.models.store import bundled_model
from resilver.stages.detection import LEAST_SCORE, find_faces

LEAST = 0.3  # scores below this are not kept
DOUBTFUL = 0.3  # of a published detector, on the photo before ageing
PASTED_PX = (16.0, 24.0, 40.0, 72.0, 128.0, 224.0, 400.0)  # sides of the pasted faces
MOST_DEG = 45.0
CANVAS_PX = 640
PASTED = 140  # pictures
SIZES_PX = ((0.0, 32.0), (32.0, 96.0), (96.0, np.inf))

Pixels = NDArray[np.uint8]
Detector = Callable[[Pixels], Faces]


def measure(arguments: argparse.Namespace) -> str:
    threads = arguments.threads
    ours = (
        OrtNetwork(arguments.model, threads)
        if arguments.model
        else bundled_model("detect").open(threads)
    )
    yunet = OrtNetwork(arguments.weights / YUNET, threads)
    slim = OrtNetwork(arguments.weights / SLIM, threads)

    def see_yunet(pixels: Pixels) -> Faces:
        return yunet_faces(yunet, pixels[..., ::-1].astype(np.float32), LEAST)

    def see_slim(pixels: Pixels) -> Faces:
        return slim_faces(slim, pixels[..., ::-1].astype(np.float32), LEAST)

    def truth_of(pixels: Pixels) -> Truth:
        one, other = see_yunet(pixels), see_slim(pixels)
        agreed = both_sure(one, other)
        rest = joined((one.chosen(~agreed), other))
        return Truth(one.chosen(agreed), without_doubles(rest.chosen(rest.scores >= DOUBTFUL)))

    detectors: dict[str, tuple[Detector, float]] = {
        "resilver detect": (lambda pixels: find_faces(ours, pixels, LEAST), LEAST_SCORE),
        "yunet-n": (see_yunet, 0.6),
        "retinaface-slim": (see_slim, 0.5),
    }
    prints = read_aged(arguments.data / "aged")
    chosen = [prints[index] for index in spread(len(prints), arguments.photos)]
    truths = [truth_of(made.clean.read_u8()) for made in chosen]
    seen = [made.aged.read_u8() for made in chosen]
    aged = compared(detectors, seen, truths)
    note("aged done")
    count = min(PASTED, arguments.photos or PASTED)
    pictures, placed = pasted(arguments.data, truth_of, count)
    collage = compared(detectors, pictures, placed)
    return f"""## Faces found

Truth: what both published detectors are sure of (score {SURE:g}) on the photo before ageing, so the
comparison leans towards them; what one of them or neither surely sees counts neither way. A find is
right from an overlap of 0.35 on. *At the same*: with the threshold at which it has no more false
alarms than YuNet has at its own ({detectors["yunet-n"][1]:g}). *Points*: median distance of eyes,
nose and mouth corners from the truth, in sides of the face.

`aged`: {len(truths)} prints aged by a generator that is not ours,
{sum(len(truth.faces) for truth in truths)} faces.

{aged}

Pasted: {len(pictures)} pictures of {CANVAS_PX} px with 1 to 3 faces of `faces512`, {PASTED_PX[0]:g}
to {PASTED_PX[-1]:g} px, turned by up to {MOST_DEG:g} degrees, over photos without a face, aged by
our own default recipe with held-out seeds; {sum(len(truth.faces) for truth in placed)} faces.

{collage}"""


def compared(
    detectors: dict[str, tuple[Detector, float]], pictures: list[Pixels], truths: list[Truth]
) -> str:
    """A table of all detectors on these pictures."""
    results: dict[str, tuple[Detection, float, float]] = {}
    megapixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures) / 1e6
    for name, (detector, threshold) in detectors.items():
        started = time.perf_counter()
        found = [detector(picture) for picture in pictures]
        milliseconds = (time.perf_counter() - started) / megapixels * 1e3
        results[name] = (judged(found, truths), threshold, milliseconds)
    yunet, its_threshold, _ = results["yunet-n"]
    allowed = yunet.false_alarms(its_threshold)
    rows: list[list[str]] = []
    for name, (result, threshold, milliseconds) in results.items():
        same = result.threshold_for(allowed)
        rows.append(
            [
                name,
                figure(100 * result.recall(threshold), 1),
                figure(result.false_alarms(threshold), 3),
                figure(100 * result.recall(same), 1),
                *(figure(100 * result.recall(same, sides), 1) for sides in SIZES_PX),
                figure(result.point_error(threshold), 3),
                figure(milliseconds, 0),
            ]
        )
    return markdown_table(
        ["detector", "recall %", "false alarms a photo", "recall % at the same", "under 32 px",
         "32 to 96 px", "larger", "points", "ms/MP"],
        rows,
    )  # fmt: skip


def pasted(
    data: Path, truth_of: Callable[[Pixels], Truth], count: int
) -> tuple[list[Pixels], list[Truth]]:
    """Pictures with faces of known place and size, aged, and the truth of each."""
    portraits = [
        (pixels, truth.faces)
        for pixels in (photo.read_u8() for photo in read_photos(data / "faces512"))
        if len((truth := truth_of(pixels)).faces) == 1
    ]
    grounds = [
        pixels
        for suite in ("clean", "kodak")
        for pixels in (photo.read_u8() for photo in read_photos(data / suite))
        if not len((truth := truth_of(pixels)).faces) and not len(truth.doubtful)
    ]
    note(f"{len(portraits)} portraits, {len(grounds)} photos without a face")
    pictures: list[Pixels] = []
    truths: list[Truth] = []
    for number in range(count):
        rng = np.random.default_rng(90_000 + number)
        ground = grounds[number % len(grounds)]
        canvas = cv2.resize(ground, (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_AREA)
        squares, placed = [NO_FACES], [NO_FACES]
        for part in range(1 + number % 3):
            pixels, faces = portraits[int(rng.integers(len(portraits)))]
            matrix = placing(faces, PASTED_PX[(number + 2 * part) % len(PASTED_PX)], rng)
            moved = faces.moved(matrix)
            square = Faces(corners(pixels, matrix)[None], moved.points, moved.scores)
            # One photo laid over another would hide a face that is counted.
            if (overlaps(square.boxes[0], joined(squares).boxes) > 0).any():
                continue
            canvas = laid(canvas, pixels, matrix)
            squares.append(square)
            placed.append(moved)
        picture = age(canvas.astype(np.float32) / np.float32(255), rng, AgeingRecipe()).photo
        pictures.append(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
        truths.append(Truth(joined(placed), NO_FACES))
    return pictures, truths


def placing(faces: Faces, side_px: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """An affine map (2, 3) that brings a portrait's face to this size, turned, in the canvas."""
    scale = side_px / float(faces.sides_px[0])
    angle = np.deg2rad(rng.uniform(-MOST_DEG, MOST_DEG))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
    room = min(0.6 * side_px, CANVAS_PX / 2)
    target = rng.uniform(room, CANVAS_PX - room, 2)
    return np.concatenate((linear, (target - linear @ middle)[:, None]), axis=1)


def corners(pixels: Pixels, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The upright box (4,) around a picture after an affine map."""
    height, width = pixels.shape[:2]
    ends = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    moved = ends @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate((moved.min(axis=0), moved.max(axis=0))).astype(np.float32)


def laid(canvas: Pixels, pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """The canvas with a picture over it, shrunk by areas first."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 1.0:
        side = max(round(pixels.shape[0] * scale), 1)
        ratio = side / pixels.shape[0]
        pixels = np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA))
        matrix = matrix.copy()
        matrix[:, :2] /= ratio
    size = (canvas.shape[1], canvas.shape[0])
    how = cv2.BORDER_TRANSPARENT
    return np.asarray(cv2.warpAffine(pixels, matrix, size, canvas.copy(), borderMode=how))


if __name__ == "__main__":
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, help="another network with its card beside it")
    run("detection", arguments.parse_args(), measure)
