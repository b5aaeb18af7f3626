"""`resilver learn-noise`: tunes the denoiser on a person's own scans, without any clean target."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.errors import RecipeError
from resilver.imaging.tiles import Pixels, to_float
from resilver.models.store import bundled_model
from resilver.photofile.writing import check_place
from resilver.train.correlation import distance_apart
from resilver.train.export import CardText, export
from resilver.train.loop import FitConfig, fit
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.scans import Scans, cell_px, neighbours, read_scans
from resilver.train.weights import load_onnx_weights

HELD_OUT = 5  # one fifth of every scan, its top, is kept for the before/after figures
SMALLEST_CROP_PX = 16
# (height, width): two crops side by side fit into what is held out.
SMALLEST_SCAN = (2 * SMALLEST_CROP_PX * HELD_OUT, 2 * SMALLEST_CROP_PX)


@dataclass(frozen=True)
class LearnedNoise:
    """What a tuning gave."""

    weights: Path  # for `--denoise-model`
    pairs: int  # prints scanned twice
    singles: int  # prints scanned once
    error_before_255: float  # RMS distance to the other observation, grey levels of 255, held out
    error_after_255: float

    @property
    def improved(self) -> bool:
        return self.error_after_255 < self.error_before_255


class ScanRecipe(DenoiseRecipe):
    """The denoiser's network on pairs from own scans; the top fifth of every photo is held out.

    Args:
        scans: none of them smaller than `SMALLEST_SCAN`.
        apart_px: of single scans, how far the pixels that stand in for two scans lie apart.
    """

    def __init__(self, scans: Scans, apart_px: int = 1) -> None:
        photos = [pair.first for pair in scans.pairs] + list(scans.singles)
        # One size for all crops of a batch: what fits the held-out strip of the smallest scan.
        room = min(min(photo.shape[0] // HELD_OUT, photo.shape[1]) for photo in photos)
        self._apart_px, self._cell_px = apart_px, cell_px(apart_px)
        super().__init__(crop_px=min(96, room // self._cell_px) // 2 * 2)
        self.scans = scans
        self.info = RecipeInfo(
            name="learn-noise",
            summary="Blind removal of grain and noise, tuned on a person's own scans.",
            reference="Lehtinen et al. 2018 (Noise2Noise); Huang et al. 2021 (Neighbor2Neighbor)",
            batch=8,
            # A thirtieth or so of the first training's: the network knows photos already.
            learning_rate=8e-5,
            limits="Not measured on other scans.",
        )

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed)
        while True:
            yield self.draw(rng, held_out=False)

    def draw(self, rng: np.random.Generator, *, held_out: bool) -> Sample:
        """Two observations of one random crop.

        `seen` and `target` (3, c, c); for a single scan also the `whole` crop (3, kc, kc), k the
        side of a cell, and the `choice` (2, c, c) that split it, both zero for a real pair;
        `single` (1,) is 1 or 0.
        """
        side, large = self.crop_px, self._cell_px * self.crop_px
        index = int(rng.integers(len(self.scans.pairs) + len(self.scans.singles)))
        whole, choice = np.zeros((large, large, 3), np.float32), np.zeros((2, side, side))
        single = index >= len(self.scans.pairs)
        if single:
            photo = self.scans.singles[index - len(self.scans.pairs)]
            whole = to_float(photo[_random_area(photo, large, rng, held_out=held_out)])
            first, second, choice = neighbours(whole, rng, self._apart_px)
        else:
            pair = self.scans.pairs[index]
            area = _random_area(pair.first, side, rng, held_out=held_out)
            first, second = to_float(pair.first[area]), to_float(pair.second[area])
            if rng.random() < 0.5:  # what else the scans differ by is not learned as a direction
                first, second = second, first
        return {
            "seen": channels_first(first),
            "target": channels_first(second),
            "whole": channels_first(whole),
            "choice": choice.astype(np.float32),
            "single": np.array([single], np.float32),
        }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        error = network(batch["seen"]).float() - batch["target"]
        content = torch.zeros_like(error)
        if bool(batch["single"].any()):
            # Neighbours differ in content too; what the network itself sees of that difference is
            # taken out, else it would learn to blur (eq. 6 of Neighbor2Neighbor).
            with torch.no_grad():
                clean = network(batch["whole"]).float()
            content = (_split(clean, batch["choice"], 0) - _split(clean, batch["choice"], 1)) * (
                batch["single"][:, :, None, None]
            )
        squared, regular = error.square().mean(), (error - content).square().mean()
        return 100.0 * (squared + regular), {"rms_255": 255 * float(squared.detach().sqrt())}


def _split(image: Tensor, choice: Tensor, which: int) -> Tensor:
    """The pixels (N, 3, c, c) that `neighbours` took for one image from (N, 3, kc, kc)."""
    batch, channels, height, _width = image.shape
    side = height // choice.shape[-1]
    cells = F.pixel_unshuffle(image, side)  # (N, 3*k*k, c, c), the pixels of a cell side by side
    cells = cells.reshape(batch, channels, side * side, *choice.shape[-2:])
    index = choice[:, which].long()[:, None, None].expand(-1, channels, 1, -1, -1)
    return cells.gather(2, index)[:, :, 0]  # (N, 3, 1, c, c) -> (N, 3, c, c)


def learn_noise(
    folder: Path,
    out: Path,
    minutes: float,
    log: Callable[[str], None] = lambda _line: None,
    *,
    seed: int = 0,
    overwrite: bool = False,
) -> LearnedNoise:
    """Tunes the bundled denoiser on the photos of a folder and writes `out` (.onnx and .toml).

    Args:
        folder: scans; `NAME_a`/`NAME_b` are two scans of one print.
        out: the weight file to write.
        minutes: wall-clock of the training.
        log: receives lines of progress.
        seed: of crops and splits.
        overwrite: replace a weight file and a card that are there.

    Raises:
        RecipeError: nothing usable in the folder, or grain too coarse for single scans.
        PhotoNotWritten: the weight file or its card is there already.
        OptionError: no time that a training can last.
    """
    if out.suffix != ".onnx":
        raise RecipeError(f"{out}: the weight file must end in .onnx")
    for place in (out, out.with_suffix(".toml")):  # before the minutes are spent, not after
        check_place(place, source=None, overwrite=overwrite)
    work = out.parent / f".{out.stem}.training"
    config = FitConfig(minutes, work, seed, workers=0, resume=False, log_every=20, warmup_steps=20)
    scans = read_scans(folder, SMALLEST_SCAN)
    for line in (*scans.unpaired, *(f"left out: {line}" for line in scans.left_out)):
        log(line)
    bundled = bundled_model("denoise")
    network = load_onnx_weights(DenoiseRecipe().network(), bundled.path)
    apart_px = distance_apart(scans.singles, network, seed) if scans.singles else 1
    if apart_px > 1:
        log(f"grain is wider than a pixel: what is compared lies {apart_px} px apart")
    recipe = ScanRecipe(scans, apart_px)
    before = held_out_error_255(recipe, network, seed)
    try:
        result = fit(recipe, [], config, initial=network, log=log)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    after = held_out_error_255(recipe, result.network, seed)
    learned = LearnedNoise(out, len(scans.pairs), len(scans.singles), before, after)
    text = CardText(
        licence=bundled.card.licence,
        training_data=(
            f"{bundled.card.training_data}; "
            f"{learned.pairs} pairs and {learned.singles} single scans of the owner"
        ),
        training=f"tuned from the bundled denoiser for {result.seconds / 60:.1f} minutes",
        scores={"held_out_rms_before_255": before, "held_out_rms_after_255": after},
        intended_use="Scans of the same scanner and kind of print as those it was tuned on.",
        limits=recipe.info.limits,
    )
    export(recipe, result.network, out, text)
    return learned


@torch.no_grad()
def held_out_error_255(recipe: ScanRecipe, network: nn.Module, seed: int) -> float:
    """RMS distance of the denoised observation to the other one, on the held-out tops of photos.

    The other observation's own noise is in the figure, so it cannot reach zero; of two networks
    on the same crops the better denoiser has the smaller one.
    """
    rng = np.random.default_rng(seed + 1)
    network.eval()
    total, crops = 0.0, 24
    for _ in range(crops):
        sample = recipe.draw(rng, held_out=True)
        output = network(torch.from_numpy(sample["seen"])[None])[0].numpy()
        total += float(np.square(output - sample["target"]).mean())
    return 255.0 * (total / crops) ** 0.5


def _random_area(
    photo: Pixels, size_px: int, rng: np.random.Generator, *, held_out: bool
) -> tuple[slice, slice]:
    """A random square of a photo: within its top fifth (held out), or below it."""
    height, width = photo.shape[:2]
    border = height // HELD_OUT
    low, high = (0, border) if held_out else (border, height)
    top = int(rng.integers(low, high - size_px + 1))
    left = int(rng.integers(0, width - size_px + 1))
    return slice(top, top + size_px), slice(left, left + size_px)
