"""How well faces are restored: as they look to a network, as who they are, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import IDENTITY_FRAME, Points, frame_of
from resilver.imaging.measures import Picture, psnr
from resilver.models.session import Network

_LEAST_PX = 21  # a side of less leaves SqueezeNet nothing, and ONNX Runtime divides by that
_MEAN_BGR = np.array([104.0, 117.0, 123.0], np.float32)  # of SqueezeNet's input, grey levels
_IDENTITY_PX = 112


@dataclass(frozen=True)
class FaceScores:
    """Of one face against the good one."""

    perceptual: float  # see `perceptual_distances`; 0 = they look the same
    identity: float  # cosine of the embeddings, 1 = the same person
    decibels: float  # PSNR


@dataclass(frozen=True)
class FaceJudge:
    """The two published networks that faces are judged with, for measuring only."""

    squeezenet: Network  # `squeezenet1_0.onnx`
    edgeface: Network  # `edgeface_xs.onnx`

    def scores(self, faces: Sequence[Picture], good: Picture, points: Points) -> list[FaceScores]:
        """Faces (H, W, 3) in [0, 1], each against the good one, whose five points are given, px."""
        looks = perceptual_distances(self.squeezenet, faces, good)
        persons = identity_similarities(self.edgeface, faces, good, points)
        return [
            FaceScores(look, person, psnr(face, good))
            for look, person, face in zip(looks, persons, faces, strict=True)
        ]


def perceptual_distances(
    squeezenet: Network, faces: Sequence[Picture], good: Picture
) -> list[float]:
    """1 - cosine of SqueezeNet v1.0's features, mean over places and the modules 3, 5, 7 and 9.

    After Zhang et al., "The Unreasonable Effectiveness of Deep Features" (2018), whose learned
    weights belong to another network: this is not their LPIPS. NaN for pictures that are too small
    to be looked at so.
    """
    if min(good.shape[:2]) < _LEAST_PX:
        return [float("nan")] * len(faces)
    levels = np.stack((good, *faces))[..., ::-1] * np.float32(255) - _MEAN_BGR
    features = squeezenet.run(np.ascontiguousarray(np.moveaxis(levels, -1, 1)))[1:]
    distances = [
        [1.0 - float(_cosine(maps[index + 1], maps[0]).mean()) for maps in features]
        for index in range(len(faces))
    ]
    return [float(np.mean(of_face)) for of_face in distances]


def identity_similarities(
    edgeface: Network, faces: Sequence[Picture], good: Picture, points: Points
) -> list[float]:
    """Cosine of EdgeFace's embeddings with the good face's, where all have their points."""
    matrix = frame_of(points, IDENTITY_FRAME, _IDENTITY_PX)
    size = (_IDENTITY_PX, _IDENTITY_PX)
    cuts = [cv2.warpAffine(face, matrix, size, flags=cv2.INTER_LINEAR) for face in (good, *faces)]
    levels = np.moveaxis(np.stack(cuts) * np.float32(2) - np.float32(1), -1, 1)
    (embeddings,) = edgeface.run(np.ascontiguousarray(levels, np.float32))
    return [float(_cosine(mine, embeddings[0])) for mine in embeddings[1:]]


def mean_interval(
    values: NDArray[np.float64], seed: int, draws: int = 2000
) -> tuple[float, float, float]:
    """(mean, and the bounds within which it lies with 95 %), by drawing anew (Efron 1979)."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine along the first axis; of two nothings it is 1."""
    lengths = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    product = (one * other).sum(axis=0)
    both_none = (np.abs(one).sum(axis=0) == 0) & (np.abs(other).sum(axis=0) == 0)
    return np.where(both_none, 1.0, product / np.maximum(lengths, 1e-12)).astype(np.float32)
