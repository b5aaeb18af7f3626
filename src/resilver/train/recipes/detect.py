"""Recipe `detect`: find faces on old prints, also where time has all but hidden them.

After Wu et al., "YuNet" (2023), with the focal loss of Lin et al., "Focal Loss for Dense Object
Detection" (2017). Photos are looked at by two published detectors while they are still good; what
those agree on is learned on the same photos after ageing. Both take some dogs and apes for people:
photos that are said to show animals only teach what a face is not (Sung and Poggio, "Example-based
Learning for View-based Human Face Detection", 1998).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.ageing import AgeingRecipe, age
from resilver.errors import OptionError
from resilver.imaging.faces import NO_FACES, Faces, encode, joined
from resilver.models.published_detectors import SLIM, YUNET
from resilver.nets.detector import ANSWERS, STRIDES_PX, DetectorConfig, FaceDetector
from resilver.train.aged import SIZES
from resilver.train.face_labels import FaceLabeller, Labels
from resilver.train.photos import Photos, Shard, called, find_photos, find_shards, part_overlays
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

CANVAS_PX = 256
# Photos a side of the canvas, and how often: many small faces, or few large ones.
_GRIDS, _GRID_SHARES = (1, 2, 3), (0.45, 0.35, 0.2)
_SMALLEST_PX, _LARGEST_SHARE = 11.0, 0.95  # sides of faces: px, share of their part of the canvas
_UPRIGHT_DEG, _TURNED_DEG = 12.0, 50.0
# stride -> sides of the faces that its cells answer for; where they overlap, both do.
_SIDES_PX = {8: (0.0, 44.0), 16: (30.0, 96.0), 32: (68.0, 1e9)}
_CORE, _RIM = 0.22, 0.45  # shares of a face's side: cells nearer its middle answer / may, or not
_POOL, _USES = 96, 10  # photos held ready, and how often each is used
_NO_FACE_SHARE = 0.3  # of the parts of the canvas: photos without a face
_ANIMAL_SHARE = 0.1  # of the photos, where there are any of animals
_NOBODY = Labels(NO_FACES, NO_FACES)

INFO = RecipeInfo(
    name="detect",
    summary="Finds faces on old prints, with eyes, nose and mouth.",
    reference="Wu et al. 2023 (YuNet); Lin et al. 2017 (feature pyramid, focal loss)",
    batch=16,
    learning_rate=2e-3,
    limits="Faces under 12 px, in profile, or turned by more than 45 degrees are often missed.",
)


@dataclass
class DetectRecipe:
    """Detection of faces; `teacher` is the folder of the two detectors that label the photos."""

    teacher: Path | None = None
    net: DetectorConfig = field(default_factory=DetectorConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("answers8", "answers16", "answers32")

    @property
    def teachers(self) -> tuple[Path, ...]:
        folder = self.teacher
        return () if folder is None else (folder / YUNET, folder / SLIM)

    def network(self) -> nn.Module:
        return FaceDetector(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises OptionError: no teacher."""
        if self.teacher is None:
            raise OptionError("the recipe detect needs --teacher, a folder of two face detectors")
        photos, _overlays = part_overlays(sources)
        animals = [path for path in photos if called(path).startswith("animals")]
        rest = [path for path in photos if path not in animals]
        shards, beasts = find_photos(rest), find_shards(animals) if animals else []
        pool = _LabelledPool(shards, beasts, FaceLabeller(self.teacher), seed)
        rng = np.random.default_rng(seed)
        ageing = AgeingRecipe(size=SIZES, no_damage=0.3, boldness=(1.0, 5.0))
        while True:
            canvas, labels = compose(pool, rng)
            if rng.random() < 0.9:
                canvas = age(canvas, rng, ageing).photo
            yield {"image": channels_first(canvas), "target": targets(labels, CANVAS_PX)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        answers = torch.cat([scale.flatten(2).float() for scale in network(batch["image"])], dim=2)
        target = batch["target"]  # (N, 15, cells)
        wanted, logits = target[:, 0], answers[:, 0]
        counted, face = (wanted >= 0).float(), wanted.clamp(min=0.0)
        faces = face.sum().clamp_min(1.0)
        cross = F.binary_cross_entropy_with_logits(logits, face, reduction="none")
        sure = torch.exp(-cross)  # probability given to the truth
        balance = 0.25 + 0.5 * face  # faces are few
        classes = (balance * (1.0 - sure).square() * cross * counted).sum() / faces
        off = F.smooth_l1_loss(answers[:, 1:], target[:, 1:], reduction="none", beta=0.1)
        off = off * face[:, None]
        boxes, points = off[:, :4].sum() / faces, off[:, 4:].sum() / faces
        loss = 4.0 * classes + boxes + points
        figures = {"classes": classes, "boxes": boxes, "points": points}
        return loss, {name: float(value.detach()) for name, value in figures.items()}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)


def targets(labels: Labels, side_px: int) -> NDArray[np.float32]:
    """What every cell of a square picture should answer, (15, cells), strides one after another.

    The first number is 1 for a face, 0 for none, -1 where it is not counted.
    """
    parts: list[NDArray[np.float32]] = []
    for stride in STRIDES_PX:
        cells = side_px // stride
        part = np.zeros((ANSWERS, cells, cells), np.float32)
        for faces, known in ((labels.doubtful, False), (labels.faces, True)):
            for index in np.argsort(-faces.sides_px):  # a small face before a large one wins
                _mark(part, faces.chosen(np.array([index])), stride, known=known)
        parts.append(part.reshape(ANSWERS, -1))
    return np.concatenate(parts, axis=1)


def _mark(part: NDArray[np.float32], face: Faces, stride: int, *, known: bool) -> None:
    """Writes one face into the targets of one stride, in place."""
    left, top, right, bottom = (float(value) for value in face.boxes[0])
    side = float(face.sides_px[0])
    rows, columns = (np.arange(count) for count in part.shape[1:])
    away_x = np.abs((columns + 0.5) * stride - (left + right) / 2)
    away_y = np.abs((rows + 0.5) * stride - (top + bottom) / 2)
    away = np.maximum(
        away_y[:, None] / max(bottom - top, 1.0), away_x[None] / max(right - left, 1.0)
    )
    part[0][(away <= _RIM) & (part[0] == 0)] = -1.0
    least, most = _SIDES_PX[stride]
    if not known or not least <= side <= most:
        return
    core = away <= max(_CORE, 0.55 * stride / max(side, 1.0))  # at least the cell it lies in
    here = np.nonzero(core)
    several = face.chosen(np.zeros(len(here[0]), np.intp))
    part[0][here] = 1.0
    part[1:, here[0], here[1]] = encode(several, here[0], here[1], stride).T


def compose(pool: _LabelledPool, rng: np.random.Generator) -> tuple[NDArray[np.float32], Labels]:
    """A square picture (CANVAS_PX, CANVAS_PX, 3) in [0, 1] of one or several photos."""
    grid = int(rng.choice(_GRIDS, p=_GRID_SHARES))
    edges = np.linspace(0, CANVAS_PX, grid + 1).round().astype(int)
    canvas = np.empty((CANVAS_PX, CANVAS_PX, 3), np.float32)
    faces: list[Faces] = []
    doubtful: list[Faces] = []
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            photo, labels = pool.some(rng)
            size = (int(right - left), int(bottom - top))
            matrix = _placing(photo, labels.faces, size, rng)
            part = _warped(photo, matrix, _ground(pool, size, rng))
            canvas[top:bottom, left:right] = np.asarray(part, np.float32) / np.float32(255)
            matrix[:, 2] += (left, top)
            bounds = (left, top, right, bottom)
            known = labels.faces.moved(matrix)
            faces.append(_inside(known, bounds, 0.5))
            # A face that is cut off is neither one nor none.
            doubtful.append(_inside(joined((known, labels.doubtful.moved(matrix))), bounds, 0.1))
    small = joined(faces)
    unseen = small.sides_px < _SMALLEST_PX
    return canvas, Labels(small.chosen(~unseen), joined([*doubtful, small.chosen(unseen)]))


def _ground(
    pool: _LabelledPool, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """What shows beside a photo that does not cover its part: paper, or a photo without a face.

    On paper alone the photo's own edge would tell where a small face is.
    """
    if rng.random() < 0.4:
        paper = rng.integers(0, 256, 3, dtype=np.uint8)
        return np.broadcast_to(paper, (size[1], size[0], 3)).copy()
    photo, labels = pool.faceless(rng)
    matrix = _placing(photo, labels.faces, size, rng)
    how = cv2.INTER_LINEAR
    ground = cv2.warpAffine(photo, matrix, size, flags=how, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(ground, np.uint8)


def _warped(
    photo: NDArray[np.uint8], matrix: NDArray[np.float64], ground: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The ground (h, w, 3) with a photo over it, under an affine map."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.75:  # shrunk by areas first: warping aliases
        small = (max(round(photo.shape[1] * scale), 1), max(round(photo.shape[0] * scale), 1))
        ratio = np.array([small[0] / photo.shape[1], small[1] / photo.shape[0]])
        photo = np.asarray(cv2.resize(photo, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix.copy()
        matrix[:, :2] /= ratio
    size = (ground.shape[1], ground.shape[0])
    how = cv2.INTER_LINEAR
    border = cv2.BORDER_TRANSPARENT
    warped = cv2.warpAffine(photo, matrix, size, ground.copy(), flags=how, borderMode=border)
    return np.asarray(warped, np.uint8)


def _placing(
    photo: NDArray[np.uint8], faces: Faces, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A random affine map (2, 3) of a photo into a part of the canvas, a face in it if any."""
    width, height = size
    if len(faces):
        face = faces.chosen(np.array([rng.integers(len(faces))]))
        largest = min(size) * _LARGEST_SHARE
        side = np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(largest)))
        scale = min(side / float(face.sides_px[0]), 2.0)
        middle = (face.boxes[0, :2] + face.boxes[0, 2:]) / 2
    else:
        covering = max(width / photo.shape[1], height / photo.shape[0])
        scale = covering * float(rng.uniform(1.0, 2.5))
        middle = np.array([photo.shape[1], photo.shape[0]]) * rng.uniform(0.3, 0.7, 2)
    most = _UPRIGHT_DEG if rng.random() < 0.6 else _TURNED_DEG
    angle = np.deg2rad(rng.uniform(-most, most))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    target = np.array(size) * rng.uniform(0.15, 0.85, 2)
    return np.concatenate((linear, (target - linear @ middle)[:, None]), axis=1)


def _inside(faces: Faces, bounds: tuple[int, ...], least: float) -> Faces:
    """The faces of which at least a share lies within (left, top, right, bottom)."""
    if not len(faces):
        return faces
    cut = np.concatenate(
        (
            np.maximum(faces.boxes[:, :2], bounds[:2]),
            np.minimum(faces.boxes[:, 2:], bounds[2:]),
        ),
        axis=1,
    )
    seen = np.maximum(cut[:, 2:] - cut[:, :2], 0.0).prod(axis=1)
    return faces.chosen(seen >= least * np.maximum(faces.sides_px, 1e-3) ** 2)


class _LabelledPool:
    """Photos with their faces; every one is labelled when it is first read, and exchanged later."""

    def __init__(
        self, shards: list[Shard], animals: list[Shard], labeller: FaceLabeller, seed: int
    ) -> None:
        self._photos, self._labeller = Photos([*shards, *animals]), labeller
        self._animals_from = len(shards)
        self._rng = np.random.default_rng(seed + 17)
        self._known: dict[int, Labels] = {}
        self._held: list[tuple[int, NDArray[np.uint8], int]] = []  # index, photo, uses left

    def some(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Labels]:
        """A photo, with or without faces as is drawn."""
        return self._drawn(rng, faces=rng.random() >= _NO_FACE_SHARE)

    def faceless(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Labels]:
        """A photo without faces, where there is one; else any."""
        return self._drawn(rng, faces=False)

    def _drawn(self, rng: np.random.Generator, *, faces: bool) -> tuple[NDArray[np.uint8], Labels]:
        while len(self._held) < min(_POOL, len(self._photos)):
            self._held.append(self._read())
        fitting = [
            place
            for place, (index, _photo, _left) in enumerate(self._held)
            if (len(self._known[index].faces) > 0) == faces
        ]
        place = int(rng.choice(fitting or len(self._held)))
        index, photo, left = self._held[place]
        self._held[place] = (index, photo, left - 1) if left > 1 else self._read()
        return photo, self._known[index]

    def _read(self) -> tuple[int, NDArray[np.uint8], int]:
        count = len(self._photos)
        photo, index, animal = None, 0, False
        while photo is None:
            # Few photos teach what is so like a face, so they are shown more often than others.
            animal = self._animals_from < count and self._rng.random() < _ANIMAL_SHARE
            span = (self._animals_from, count) if animal else (0, self._animals_from)
            index = int(self._rng.integers(*span))
            photo = self._photos.read(index)
        if index not in self._known:
            self._known[index] = _NOBODY if animal else self._labeller.label(photo)
        return index, photo, _USES
