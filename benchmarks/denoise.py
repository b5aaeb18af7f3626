"""Denoising: colour Gaussian noise on the suite `kodak`, blind, beside a network told the noise.

python benchmarks/denoise.py [--compare name=file.onnx ...] [--write]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from arguments import note, parser, run
from resilver.errors import OptionError
from resilver.evaluate.references import denoise_blind, denoise_told
from resilver.evaluate.suites import read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import Picture, psnr
from resilver.models.session import OrtNetwork
from resilver.models.store import load

SIGMAS_255 = (15, 25, 50)
SEED = 20_240  # of the noise; every network sees the same
Denoise = Callable[[Picture, float], Picture]  # noisy picture, sigma_255 (blind ones ignore it)


@dataclass
class Scores:
    """Of one network: PSNR by noise level, and the time it took."""

    decibels: dict[int, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    pixels: int = 0

    def means(self) -> list[float]:
        return [float(np.mean(self.decibels[sigma])) for sigma in SIGMAS_255]


def measure(arguments: argparse.Namespace) -> str:
    networks = open_networks(arguments)
    photos = read_photos(arguments.data / "kodak")
    chosen = spread(len(photos), arguments.photos)
    scores = {name: Scores() for name in networks}
    noisy_scores = Scores()
    for count, index in enumerate(chosen):
        clean = photos[index].read()
        for sigma in SIGMAS_255:
            noisy = add_noise(clean, sigma, index)
            noisy_scores.decibels.setdefault(sigma, []).append(psnr(noisy, clean))
            for name, denoise in networks.items():
                started = time.perf_counter()
                result = denoise(noisy, float(sigma))
                scores[name].seconds += time.perf_counter() - started
                scores[name].pixels += clean.shape[0] * clean.shape[1]
                value = psnr(np.clip(result, 0.0, 1.0), clean)
                scores[name].decibels.setdefault(sigma, []).append(value)
        note(f"{count + 1} of {len(chosen)} photos")
    told = scores["ffdnet-color, told the noise"].means()
    rows = [["noisy", *(figure(value) for value in noisy_scores.means()), "", ""]]
    for name, found in scores.items():
        gaps = [ours - theirs for ours, theirs in zip(found.means(), told, strict=True)]
        rows.append(
            [
                name,
                *(figure(value) for value in found.means()),
                " / ".join(f"{gap:+.2f}" for gap in gaps),
                figure(found.seconds / (found.pixels / 1e6)),
            ]
        )
    head = ["PSNR in dB, mean over photos", *(f"sigma {sigma}" for sigma in SIGMAS_255)]
    return f"""## Denoising

`kodak`, {len(chosen)} photos in colour, white Gaussian noise of the same standard deviation in all
channels (grey levels of 255), not clipped, the same for every network; results clipped to [0, 1].
Ours is blind: it is not told how much noise there is.

{markdown_table([*head, "to ffdnet-color", "s/MP"], rows)}"""


def open_networks(arguments: argparse.Namespace) -> dict[str, Denoise]:
    """Ours, the reference, and those given by name=path."""
    ours = load("denoise", arguments.threads)
    told = OrtNetwork(arguments.weights / "ffdnet-color.onnx", arguments.threads)
    networks: dict[str, Denoise] = {
        "resilver denoise, blind": lambda noisy, _sigma: denoise_blind(ours, noisy),
        "ffdnet-color, told the noise": lambda noisy, sigma: denoise_told(told, noisy, sigma),
    }
    for given in arguments.compare:
        name, equals, path = given.partition("=")
        if not equals or name in networks:
            raise OptionError(
                f"--compare takes a new name and a file, name=file.onnx, not {given!r}"
            )
        networks[name] = blind(OrtNetwork(Path(path), arguments.threads))
    return networks


def blind(network: OrtNetwork) -> Denoise:
    return lambda noisy, _sigma: denoise_blind(network, noisy)


def add_noise(clean: Picture, sigma_255: int, photo: int) -> Picture:
    rng = np.random.default_rng((SEED, sigma_255, photo))
    return clean + rng.normal(0.0, sigma_255 / 255.0, clean.shape).astype(np.float32)


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument(
        "--compare", action="append", default=[], metavar="NAME=PATH",
        help="another blind denoiser, image in, image out; may be given several times",
    )  # fmt: skip
    run("denoise", command.parse_args(), measure)
