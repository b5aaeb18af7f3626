"""Recipe `identity`: tell faces apart, also on old prints.

Distilled from MobileFaceNet (Chen et al., 2018) as in Hinton et al., "Distilling the Knowledge in a
Neural Network" (2015), with the distances of a batch after Park et al., "Relational Knowledge
Distillation" (2019). The teacher sees a face as it is, the student sees it aged, shrunk or a little
out of place, and should answer the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.ageing import AgeingRecipe, age
from resilver.errors import OptionError, RecipeError
from resilver.imaging.alignment import IDENTITY_FRAME, Points, cut, frame_of
from resilver.nets.embedder import NUMBERS, SIDE_PX, EmbedderConfig, FaceEmbedder
from resilver.train.aged import SIZES
from resilver.train.face_labels import FaceLabeller
from resilver.train.photos import Photos, Shard, find_photos, shuffled
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

TEACHER = "mobilefacenet-insightface.onnx"
AGEINGS = 2  # of what the teacher has seen; ten more taught little that was new
MARGIN_PX = 16  # of a view around the frame, so that the student's can be moved in it
PAIRS_WEIGHT = 20.0  # squared errors of similarities are small
HINT_WEIGHT = 2.0
_LEAST_PX = 40.0  # side of a face that is learned from
_HELD = 600  # samples held back, so that a batch shows many people
_MIXED = 0.3  # share of views that are two people at once: ten thousand faces are few
_AS_IT_IS = 0.7
_VIEW_PX = SIDE_PX + 2 * MARGIN_PX
_FRAME_PX: Points = IDENTITY_FRAME * np.float32(SIDE_PX)
_VIEW_FRAME: Points = (_FRAME_PX + np.float32(MARGIN_PX)) / np.float32(_VIEW_PX)
_SMALLEST_PX = 44.0  # a view is shrunk to no less than this before it is aged: faces of 24 px

INFO = RecipeInfo(
    name="identity",
    summary="Tells how much alike two faces are, also on old prints; not who a person is.",
    reference="Chen et al. 2018 (MobileFaceNet); Hinton et al. 2015; Park et al. 2019",
    batch=48,
    learning_rate=3e-3,
    limits="It compares two states of one photo; two photos of one person may differ as much as "
    "two people. Hair, pose and the head's shape count as much as features do, a moved detail (a "
    "mole, a scar) hardly. Not trained on faces under 24 px.",
)


@dataclass
class IdentityRecipe:
    """An embedder of faces; `teacher` is the folder of MobileFaceNet and of two face detectors."""

    teacher: Path | None = None
    net: EmbedderConfig = field(default_factory=EmbedderConfig)
    info: RecipeInfo = INFO
    size_px: int = SIDE_PX
    input_names: tuple[str, ...] = ("face",)
    output_names: tuple[str, ...] = ("embedding",)

    @property
    def teachers(self) -> tuple[Path, ...]:
        """MobileFaceNet; the detectors only say where to cut."""
        return () if self.teacher is None else (self.teacher / TEACHER,)

    def network(self) -> nn.Module:
        return Imitator(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises OptionError: no teacher. RecipeError: no face in any photo."""
        if self.teacher is None:
            raise OptionError("the recipe identity needs --teacher, a folder with MobileFaceNet")
        faces = Faces(find_photos(sources), FaceLabeller(self.teacher), seed)
        teacher = Teacher(self.teacher)
        return shuffled(_pairs(faces, teacher, seed), min(_HELD, AGEINGS * faces.count), seed)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        answers, wanted, hint = network(batch["face"]).float(), batch["embedding"], batch["hint"]
        mine, features = answers[:, :NUMBERS], answers[:, NUMBERS:]
        away = (1.0 - (mine * wanted).sum(dim=1)).mean()
        true = wanted @ wanted.T
        # Among the student's own, which are what is compared later, and with the teacher's.
        pairs = (mine @ mine.T - true).square().mean() + (mine @ wanted.T - true).square().mean()
        # Off the teacher's features, as a share of how much those vary.
        off = (features - hint.flatten(1)).square().mean() / hint.var()
        figures = {"away": away, "pairs": pairs, "off": off}
        loss = away + PAIRS_WEIGHT * pairs + HINT_WEIGHT * off
        return loss, {name: float(value.detach()) for name, value in figures.items()}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(SIDE_PX, SIDE_PX, seed),)


class Imitator(FaceEmbedder):
    """An embedder that, in training mode, also gives its features, to be as the teacher's are.

    After the 128 numbers come those of the map, in one row (N, 128 + widths[-1] * 7 * 7). FitNets
    (Romero et al., 2015): of 128 numbers a face alone the first layers learn slowly.
    """

    def forward(self, face: Tensor) -> Tensor:
        if not self.training:
            return super().forward(face)
        features = self.features(face)
        return torch.cat((self.embedding(features), features.flatten(1)), dim=1)


def _pairs(faces: Faces, teacher: Teacher, seed: int) -> Iterator[Sample]:
    """What the student sees, and what the teacher said of it."""
    rng = np.random.default_rng(seed)
    ageing = AgeingRecipe(size=SIZES, no_damage=0.6, boldness=(1.0, 5.0), border=0.0)
    while True:
        view = faces.view(rng)
        if rng.random() < _MIXED:
            share = np.float32(rng.uniform(0.3, 0.7))
            view = (share * view + (1 - share) * faces.view(rng)).astype(np.float32)
        embedding, hint = teacher.look(view[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])
        for _ in range(AGEINGS):
            seen = channels_first(moved(weathered(view, rng, ageing), rng))
            yield {"face": seen, "embedding": embedding, "hint": hint}


def weathered(
    view: NDArray[np.float32], rng: np.random.Generator, ageing: AgeingRecipe
) -> NDArray[np.float32]:
    """A view (S, S, 3) as an old print shows it: aged at the size at which it was small."""
    if rng.random() < _AS_IT_IS:
        return view
    side = len(view)
    small = round(float(np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(1.2 * side)))))
    if small < side:
        view = _resized(view, small, cv2.INTER_AREA)
    if rng.random() < 0.8:
        view = age(view, rng, ageing).photo
    if small < side:
        view = _resized(view, side, cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
    return np.clip(view, 0.0, 1.0)


def _resized(view: NDArray[np.float32], side_px: int, how: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(view, (side_px, side_px), interpolation=how), np.float32)


def moved(view: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The frame (112, 112, 3) out of a view, as points that are a little off would cut it."""
    off = rng.normal(0.0, rng.uniform(0.0, 3.0), _FRAME_PX.shape)
    matrix = frame_of((_FRAME_PX + MARGIN_PX + off).astype(np.float32), IDENTITY_FRAME, SIDE_PX)
    how, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    size = (SIDE_PX, SIDE_PX)
    return np.asarray(cv2.warpAffine(view, matrix, size, flags=how, borderMode=border), np.float32)


class Teacher:
    """MobileFaceNet, ready to run.

    Raises:
        RecipeError: the folder lacks it, or has something else by its name.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / TEACHER
        if not path.is_file():
            raise RecipeError(f"{folder}: the network {TEACHER} is not there")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            model = onnx.load(str(path))
            (hint,) = (
                node.input[0] for node in model.graph.node if "head_expand_weight" in node.input
            )
        except (DecodeError, ValueError) as error:  # ValueError: no such layer, or several
            raise RecipeError(f"{path}: not the network of this name") from error
        model.graph.output.append(onnx.ValueInfoProto(name=hint))
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def look(self, face: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Of a face (112, 112, 3) in [0, 1]: (128,) of length 1, and what that is made of.

        The latter is its last feature map but one, (128, 7, 7).
        """
        answers = self._session.run(None, {"image": 255.0 * channels_first(face)[None]})
        embedding, hint = (np.asarray(answer, np.float32)[0] for answer in answers)
        return embedding / np.linalg.norm(embedding), hint


class Faces:
    """The largest face of every photo, aligned a little differently each time it is seen."""

    def __init__(self, shards: list[Shard], labeller: FaceLabeller, seed: int) -> None:
        self._photos, self._labeller = Photos(shards), labeller
        self._rng = np.random.default_rng(seed + 17)
        self._pending: list[int] = []
        self._points: dict[int, Points | None] = {}  # by photo; None where there is no face

    @property
    def count(self) -> int:
        """Photos, those without a face included."""
        return len(self._photos)

    def view(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """(S, S, 3) in [0, 1]: the frame and a margin, turned, scaled and mirrored.

        Raises:
            RecipeError: there is no face in any photo.
        """
        while True:
            if not self._pending:
                self._pending = [int(index) for index in self._rng.permutation(self.count)]
            index = self._pending.pop()
            if self._points.get(index, ()) is None:
                continue
            photo = self._photos.read(index)
            if index not in self._points:
                self._points[index] = None if photo is None else self._found(photo)
                if len(self._points) == self.count and not any(
                    points is not None for points in self._points.values()
                ):
                    raise RecipeError("no face of 40 px or more in any of the photos")
            points = self._points[index]
            if photo is None or points is None:
                continue
            off = rng.normal(0.0, 0.035, points.shape) * np.ptp(points, axis=0).mean()
            matrix = frame_of((points + off).astype(np.float32), _VIEW_FRAME, _VIEW_PX)
            view = cut(photo, matrix, _VIEW_PX)
            return np.ascontiguousarray(view[:, ::-1]) if rng.random() < 0.5 else view

    def _found(self, photo: NDArray[np.uint8]) -> Points | None:
        faces = self._labeller.label(photo).faces
        if not len(faces) or faces.sides_px.max() < _LEAST_PX:
            return None
        return faces.points[int(faces.sides_px.argmax())]
