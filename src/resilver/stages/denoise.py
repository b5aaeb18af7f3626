"""Stage `denoise`: measures grain and sensor noise, and takes it off where there is enough of it.

The network is trained by Noise2Noise (Lehtinen et al., 2018) and is blind: it needs no noise level.
It measures one all the same: what it would take away from flat parts of the photo *is* the noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.blocks import in_blocks
from resilver.imaging.cutouts import continued, hidden_in
from resilver.imaging.tiles import Area, Pixels, Tile, map_tiles, tile_side, to_float
from resilver.imaging.tone import is_monochrome
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.stages.draft import Draft, Finding, Measurement, Progress

# Of the good photos of eval/clean, on which this was set, one of leaves measures 5.4, the others up
# to 1.5, all of it fine texture: taking that off would harm them, so the stage waits for more. A
# person may ask for less.
THRESHOLD_255 = 6.0
# In black and white it is grain, or the screen of a printed picture, more often than texture: of
# 108 old prints three measure more, and all three are that; good photos made grey reach 3.1.
MONOCHROME_THRESHOLD_255 = 3.2
# More is no grain, but dots of two levels or another pattern that the photo is made of: the network
# has learned noise of up to 50 levels.
MOST_255 = 70.0
SAMPLE_PX = 128
# Of the samples, from the quietest: noise lies over the whole photo, a weave over part of it. At
# the median a photo of a meal on linen passed for noisy.
QUIET_SHARE = 0.25
BLOCK_PX = 16
DARKEST, BRIGHTEST = 0.06, 0.94  # mean brightness of blocks that can show their noise
SAMPLES_PER_SIDE = 3
ENOUGH_SAMPLES = 4


@dataclass(frozen=True)
class DenoiseStage:
    """Blind denoising in tiles."""

    model: StoredModel
    tile_px: int | None  # None = what suits the photo
    threads: int | None = None
    name: str = "denoise"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        return (self.model.card,)

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        photo = draft.photo
        sigma = self.measure_sigma_255(photo.pixels, photo.alpha)
        monochrome = photo.grey or is_monochrome(photo.pixels, photo.alpha)
        threshold = MONOCHROME_THRESHOLD_255 if monochrome else THRESHOLD_255
        progress(1.0)
        if sigma is None:
            return Finding(self.name, False, "Too dark or too light for grain to be told."), draft
        act = threshold <= sigma <= MOST_255
        if act:
            words = f"Grain or noise of {sigma:.1f} grey levels lies over the photo."
        elif sigma < threshold:
            words = f"Hardly any grain or noise ({sigma:.1f} grey levels)."
        else:
            words = (
                f"Too much for grain or noise ({sigma:.0f} grey levels): the photo is made of dots "
                "or of another pattern."
            )
        measured = Measurement("noise", sigma, "grey levels of 255", threshold)
        return Finding(self.name, act, words, (measured,)), draft

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo = draft.photo
        grey, hidden = photo.colourless, hidden_in(photo.alpha)

        def restore(tile: Tile, area: Area) -> Tile:
            seen = tile if hidden is None else continued(tile, hidden[area.slices])
            clean = denoise_tile(self._network, seen)
            if grey:
                clean[:] = clean.mean(axis=2, keepdims=True)
            if hidden is not None:
                clean[hidden[area.slices]] = tile[hidden[area.slices]]
            return (tile + np.float32(strength) * (clean - tile)).astype(np.float32, copy=False)

        pixels = map_tiles(photo.pixels, restore, tile_side(photo.size, self.tile_px), progress)
        return draft.evolve(photo=photo.evolve(pixels=pixels))

    def measure_sigma_255(self, pixels: Pixels, alpha: Pixels | None = None) -> float | None:
        """Standard deviation of the noise, grey levels of 255, where the photo is quiet.

        None where it cannot be told: all that is to be seen is all but black or white.
        """
        samples = _samples(pixels, alpha)
        left = (noise_left_by(tile, denoise_tile(self._network, tile)) for tile in samples)
        sigmas = [sigma for sigma in left if sigma is not None]
        return float(np.quantile(sigmas, QUIET_SHARE)) if sigmas else None

    @cached_property
    def _network(self) -> Network:
        return self.model.open(self.threads)


def denoise_tile(network: Network, tile: Tile) -> Tile:
    """(h, w, 3) float32 through a network that takes and returns (1, 3, h, w)."""
    (output,) = network.run(np.moveaxis(tile, -1, 0)[None])
    return np.ascontiguousarray(np.moveaxis(output[0], 0, -1))


def noise_left_by(noisy: NDArray[np.float32], clean: NDArray[np.float32]) -> float | None:
    """Robust standard deviation of the difference, in grey levels of 255; None = cannot be told.

    Taken from the flattest quarter of the picture's blocks alone: noise lies over them as over all
    others, while what is taken off elsewhere may have been texture. Blocks that are all but black
    or white are left out, since clipping hides their noise. Within a block the median absolute
    deviation counts, scaled for the normal distribution; over the blocks, the median.

    Args:
        noisy: (H, W, 3) in [0, 1].
        clean: the same, denoised.
    """
    brightness = _blocks(clean.mean(axis=2))
    removed = _blocks(noisy - clean)
    means = brightness.mean(axis=1)
    shown = (means > DARKEST) & (means < BRIGHTEST)
    if not shown.any():
        return None
    flatness = brightness[shown].std(axis=1)
    flat = flatness <= np.quantile(flatness, 0.25)
    spreads = np.median(np.abs(removed[shown][flat]), axis=1) * 1.4826
    return float(np.median(spreads)) * 255.0


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) or (H, W, C) -> (blocks, values of a block)."""
    blocks = in_blocks(values, BLOCK_PX)
    return blocks.reshape(len(blocks), -1)


def _samples(pixels: Pixels, alpha: Pixels | None) -> list[Tile]:
    """Up to nine squares with tones, spread evenly over the photo; the whole of a small one.

    Borders of paper or of a scanner's lid have none; then they are looked for more closely.
    """
    found: list[Tile] = []
    for per_side in (SAMPLES_PER_SIDE, 3 * SAMPLES_PER_SIDE):
        found = [tile for tile in _squares(pixels, alpha, per_side) if _has_tones(tile)]
        if len(found) >= ENOUGH_SAMPLES:
            break
    count = SAMPLES_PER_SIDE**2
    if len(found) <= count:
        return found
    return [found[int(index)] for index in np.linspace(0, len(found) - 1, count)]


def _squares(pixels: Pixels, alpha: Pixels | None, per_side: int) -> Iterator[Tile]:
    """What is hidden is black in them, and so says nothing."""
    for top in _starts(pixels.shape[0], per_side):
        for left in _starts(pixels.shape[1], per_side):
            here = np.s_[top : top + SAMPLE_PX, left : left + SAMPLE_PX]
            tile = to_float(pixels[here])
            if alpha is not None:
                tile[alpha[here] == 0] = 0.0
            yield tile


def _has_tones(tile: Tile) -> bool:
    """Whether a quarter of a square's blocks can show noise."""
    means = _blocks(tile.mean(axis=2)).mean(axis=1)
    return bool(((means > DARKEST) & (means < BRIGHTEST)).mean() >= 0.25)


def _starts(length: int, per_side: int) -> list[int]:
    # Two that overlap where one would leave out the other end.
    count = min(per_side, max(length // SAMPLE_PX, 1 + (length > SAMPLE_PX)))
    return [int(start) for start in np.linspace(0, max(length - SAMPLE_PX, 0), count)]
