"""Enlarging four times: bicubic reductions of Set14 and Kodak, and poor small photos.

python benchmarks/upscale.py [--network upscale.onnx] [--vivid-network vivid.onnx] [--write]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from arguments import note, parser, run
from resilver.evaluate.faces import perceptual_distances
from resilver.evaluate.suites import SuitePhoto, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import Picture
from resilver.imaging.resizing import resized
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import bundled_model
from resilver.stages.upscale import enlarged
from resilver.train.reduction import poorly_reduced

FACTOR = 4
SEED = 20_261  # of what made the poor photos poor
POOR_PX = 768  # longest side of the good photos that become poor
SHARES = (0.5,)  # of the vivid network, in mixtures with the faithful one
Enlarge = Callable[[Picture, int], Picture]  # small picture, factor -> large, not clipped


@dataclass
class Scores:
    """Of one way to enlarge: figures by suite, and the time it took."""

    figures: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    pixels: int = 0

    def add(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(value)

    def mean(self, name: str, digits: int = 2) -> str:
        return figure(float(np.mean(self.figures[name])), digits)


def measure(arguments: argparse.Namespace) -> str:
    ways = open_ways(arguments)
    scores = {name: Scores() for name in ways}
    squeezenet = OrtNetwork(arguments.weights / "squeezenet1_0.onnx", arguments.threads)
    counts = {
        suite: bicubic(suite, photos_of(arguments, suite), ways, scores)
        for suite in ("set14", "kodak")
    }
    poor = photos_of(arguments, "clean")
    poorly(poor, ways, scores, squeezenet)
    rows = [
        [
            name,
            found.mean("set14 PSNR"),
            found.mean("kodak PSNR"),
            found.mean("set14 SSIM", 4),
            found.mean("set14 x2"),
            found.mean("RMSE"),
            found.mean("distance", 4),
            found.mean("poor PSNR"),
            figure(found.seconds / (found.pixels / 1e6)),
        ]
        for name, found in scores.items()
    ]
    head = [
        "enlarged 4 times", "Set14 dB", "Kodak dB", "Set14 SSIM", "Set14 x2 dB", "RMSE back",
        "poor: distance", "poor: dB", "s/MP",
    ]  # fmt: skip
    return f"""## Enlarging

`set14`, {counts["set14"]} photos, and `kodak`, {counts["kodak"]}: reduced four times by the
antialiased bicubic (a = -1/2) to 8 bits, enlarged, rounded to 8 bits, held against the photo: PSNR
of RGB over all pixels, SSIM of luma (scikit-image), mean over photos. *x2*: reduced and enlarged
twice; what gives four times as much is reduced. *RMSE back*: the result of x4 reduced again,
against what was given, grey levels of 255.

*Poor*: {len(poor)} photos of `clean` at {POOR_PX} px, reduced four times by blur, resizing, grain
and JPEG, twice over in random order, as `resilver.train.reduction` draws it with fixed seeds: what
our vivid network was trained on, with other photos. *Distance*: 1 - cosine of SqueezeNet v1.0's
features, mean over places and the modules 3, 5, 7 and 9, to the good photo (0 = looks the same; not
LPIPS; our vivid network was trained with the modules 4, 8 and 9 of the same network).

*s/MP*: seconds for a megapixel of the result at four times, with {arguments.threads or "all"}
threads, over all of these photos in one run.

{markdown_table(head, rows)}"""


def photos_of(arguments: argparse.Namespace, suite: str) -> list[SuitePhoto]:
    photos = read_photos(arguments.data / suite)
    return [photos[index] for index in spread(len(photos), arguments.photos)]


def bicubic(
    suite: str, photos: list[SuitePhoto], ways: dict[str, Enlarge], scores: dict[str, Scores]
) -> int:
    for photo in photos:
        large = whole_cells(photo.read())
        small, half = (reduced(large, factor) for factor in (FACTOR, 2))
        for name, enlarge in ways.items():
            result = timed(enlarge, small, scores[name])
            scores[name].add(f"{suite} PSNR", peak_signal_noise_ratio(large, result, data_range=1))
            lumas = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (large, result)]
            scores[name].add(f"{suite} SSIM", structural_similarity(*lumas, data_range=1.0))
            back = resized(result, (small.shape[0], small.shape[1]))
            scores[name].add("RMSE", 255.0 * float(np.sqrt(np.square(back - small).mean())))
            if suite == "set14":
                twice = eight_bits(enlarge(half, 2))
                scores[name].add("set14 x2", peak_signal_noise_ratio(large, twice, data_range=1))
        note(f"{suite}: {photo.name}")
    return len(photos)


def poorly(
    photos: list[SuitePhoto],
    ways: dict[str, Enlarge],
    scores: dict[str, Scores],
    squeezenet: Network,
) -> None:
    for index, photo in enumerate(photos):
        picture = photo.read()
        scale = min(1.0, POOR_PX / max(picture.shape[:2]))
        size = round(scale * picture.shape[0]), round(scale * picture.shape[1])
        good = whole_cells(np.clip(resized(picture, size), 0.0, 1.0))
        small = poorly_reduced(good, FACTOR, np.random.default_rng((SEED, index)))
        results = [timed(enlarge, small, scores[name]) for name, enlarge in ways.items()]
        distances = perceptual_distances(squeezenet, results, good)
        for name, result, distance in zip(ways, results, distances, strict=True):
            scores[name].add("distance", distance)
            scores[name].add("poor PSNR", peak_signal_noise_ratio(good, result, data_range=1))
        note(f"poor: {photo.name}")


def timed(enlarge: Enlarge, small: Picture, scores: Scores) -> Picture:
    started = time.perf_counter()
    large = enlarge(small, FACTOR)
    scores.seconds += time.perf_counter() - started
    scores.pixels += large.shape[0] * large.shape[1]
    return eight_bits(large)


def open_ways(arguments: argparse.Namespace) -> dict[str, Enlarge]:
    """Resizing, ours, and the published networks."""

    def network(path: Path) -> Enlarge:
        opened = OrtNetwork(path, arguments.threads)
        return lambda small, factor: enlarged(opened, small, factor)

    paths = [arguments.network, arguments.vivid_network]
    ours = [
        network(bundled_model(name).path if path is None else path)
        for name, path in zip(("upscale", "vivid"), paths, strict=True)
    ]
    return {
        "bicubic": lambda small, factor: resized(
            small, (factor * small.shape[0], factor * small.shape[1])
        ),
        "Lanczos": lanczos,
        "resilver, vivid 0": ours[0],
        **{f"resilver, vivid {share:g}": mixed(ours[0], ours[1], share) for share in SHARES},
        "resilver, vivid 1": ours[1],
        "safmn-x4": network(arguments.weights / "safmn-x4.onnx"),
        "realesr-general-x4v3": network(arguments.weights / "realesr-general-x4v3.onnx"),
    }


def mixed(faithful: Enlarge, vivid: Enlarge, share: float) -> Enlarge:
    def enlarge(small: Picture, factor: int) -> Picture:
        true, drawn = faithful(small, factor), vivid(small, factor)
        return true + np.float32(share) * (drawn - true)

    return enlarge


def lanczos(small: Picture, factor: int) -> Picture:
    size = (factor * small.shape[1], factor * small.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LANCZOS4), np.float32)


def reduced(large: Picture, factor: int) -> Picture:
    return eight_bits(resized(large, (large.shape[0] // factor, large.shape[1] // factor)))


def eight_bits(picture: Picture) -> Picture:
    levels = np.rint(255.0 * np.clip(picture, 0.0, 1.0))
    return np.ascontiguousarray(levels / 255.0, np.float32)


def whole_cells(picture: Picture) -> Picture:
    """Without what is left over at the right and the bottom when the photo is reduced."""
    height, width = (side // FACTOR * FACTOR for side in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width])


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument(
        "--network", type=Path, metavar="FILE", help="the faithful one, instead of the bundled one"
    )
    command.add_argument(
        "--vivid-network", type=Path, metavar="FILE", help="the same of the one that draws"
    )
    run("upscale", command.parse_args(), measure)
