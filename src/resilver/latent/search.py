"""The search: codes of a prior whose faces shrink to a given tiny one.

Reference: Menon et al., "PULSE: Self-Supervised Photo Upsampling via Latent Space Exploration of
Generative Models" (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from resilver.errors import OptionError
from resilver.latent.gaussian import LatentGaussian
from resilver.latent.scale import shrinking
from resilver.latent.sphere import SphericalAdam, geodesic_cross, onto_sphere
from resilver.nets.stylegan2 import Generator

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_LARGEST_SEED = 2**63 - 1
_WARM_SHARE = 0.05  # of the steps: the rate rises, then falls along a cosine
_AT_ONCE = 4  # first looks: a face of 1024 px takes its memory
_CODE, _MAP = (2,), (1, 2, 3)  # what makes one point of u (N, L, k), of a noise map (N, 1, H, W)


@dataclass(frozen=True)
class SearchConfig:
    """How long and from where is searched."""

    candidates: int = 4  # faces, searched as one batch; the nth starts from seed + n
    seed: int = 0
    steps: int = 250  # at most
    stop_rmse_255: float = 1.5  # a face that is as near as this has arrived
    rate: float = 0.2
    cross_weight: float = 1.0  # how much layers of different codes count against nearness
    noise_maps: int = 5  # so many, the coarse ones, are searched as well; the others stay as drawn
    draws: int = 16  # codes that each candidate looks at first, to start from the nearest

    def __post_init__(self) -> None:
        for name in ("candidates", "steps", "draws"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} are at least 1, not {getattr(self, name)}")
        if self.noise_maps < 0:
            raise OptionError(f"noise maps are at least 0, not {self.noise_maps}")
        for name in ("stop_rmse_255", "rate"):
            if not getattr(self, name) > 0.0:
                raise OptionError(f"{name} is more than 0, not {getattr(self, name):g}")
        largest = _LARGEST_SEED - self.candidates + 1  # the last candidate's is counted up from it
        if not 0 <= self.seed <= largest:
            raise OptionError(f"a seed is 0 to {largest}, not {self.seed}")


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found, in the order of its seeds."""

    faces: NDArray[np.float32]  # (N, S, S, C) in [0, 1]
    rmse_255: NDArray[np.float64]  # (N,) how far each is, shrunk, from the tiny face
    codes: Tensor  # (N, L, k) the points on the sphere that they were drawn from
    steps: int  # taken


def search(
    generator: Generator,
    gaussian: LatentGaussian,
    tiny: NDArray[np.float32],
    config: SearchConfig | None = None,
    *,
    progress: Callable[[int, float], None] = lambda _step, _rmse_255: None,
) -> Found:
    """Looks for faces that shrink to `tiny`; ends when all have arrived, or the steps are used up.

    Args:
        generator: the prior, in eval mode.
        gaussian: of its W, see `resilver.latent.gaussian.measured`.
        tiny: (n, n, 3) RGB or (n, n, 1) grey in [0, 1], n at most the side of the prior's faces.
        config: how long and from where.
        progress: told the step and the error of the farthest candidate, in grey levels.
    """
    config = config or SearchConfig()
    device = generator.input.input.device
    target = torch.from_numpy(np.moveaxis(tiny, -1, 0).copy()).to(device)
    shrink = torch.from_numpy(shrinking(generator.config.size, tiny.shape[0])).to(target)
    codes, noise = _starts(generator, gaussian, target, shrink, config)
    searched = [(codes, _CODE), *((one, _MAP) for one in noise[: config.noise_maps])]
    for point, _dims in searched:
        point.requires_grad_()
    optimiser = SphericalAdam(searched, config.rate)
    near = (config.stop_rmse_255 / 255.0) ** 2
    best = torch.full((config.candidates,), torch.inf, device=device)
    best_faces, best_codes = torch.empty(0), codes.detach().clone()
    step = 0
    while True:
        faces = _drawn(generator, gaussian.to_w(codes), noise, grey=len(target) == 1)
        error = _error(faces, target, shrink)
        with torch.no_grad():
            # What has arrived stays, or it would depend on how long the others take.
            nearer = (error < best) & (best > near)
            best = torch.where(nearer, error, best)
            if step == 0:
                best_faces = faces.detach().clone()
            best_faces[nearer], best_codes[nearer] = faces[nearer], codes[nearer]
        progress(step, 255.0 * float(best.max()) ** 0.5)
        if bool((best <= near).all()) or step == config.steps:
            break
        # By the logarithm, half of the error is worth as much near the end as at the start.
        loss = (error / near).log().clamp(min=0.0) + config.cross_weight * geodesic_cross(codes)
        optimiser.step(loss.sum(), _rate_factor(step / config.steps))
        step += 1
    return Found(
        faces=np.moveaxis(best_faces.cpu().numpy(), 1, -1),
        rmse_255=255.0 * np.sqrt(best.double().cpu().numpy()),
        codes=best_codes.cpu(),
        steps=step,
    )


@torch.no_grad()
def _starts(
    generator: Generator,
    gaussian: LatentGaussian,
    target: Tensor,
    shrink: Tensor,
    config: SearchConfig,
) -> tuple[Tensor, list[Tensor]]:
    """Codes (N, L, k), one for all layers of a candidate, and noise maps (N, 1, H, W).

    Every candidate draws from a seed of its own, so that it can be searched for again by itself.
    """
    layers, stored = generator.config.layers, generator.stored_noise()
    codes: list[Tensor] = []
    noise: list[list[Tensor]] = []
    for candidate in range(config.candidates):
        draw = torch.Generator().manual_seed(config.seed + candidate)
        u = torch.randn(config.draws, 1, gaussian.dimensions, generator=draw)
        maps = [torch.randn(one.shape, generator=draw).to(target) for one in stored]
        u = onto_sphere(u.to(target), _CODE).expand(-1, layers, -1)
        errors = [
            _error(
                _drawn(generator, gaussian.to_w(few), maps, grey=len(target) == 1), target, shrink
            )
            for few in u.split(_AT_ONCE)
        ]
        codes.append(u[int(torch.cat(errors).argmin())])
        noise.append(maps)
    joined = [onto_sphere(torch.cat(maps), _MAP) for maps in zip(*noise, strict=True)]
    return torch.stack(codes).clone(), joined


def _drawn(generator: Generator, w: Tensor, noise: list[Tensor], *, grey: bool) -> Tensor:
    """Faces (N, C, S, S) in [0, 1] of codes w (N, L, style_dim)."""
    faces = (generator.synthesis(w, noise) + 1.0) / 2.0
    # What is cut off is cut off in the file as well; the gradient still leads back from there.
    faces = faces + (faces.clamp(0.0, 1.0) - faces).detach()
    if grey:
        weights = torch.tensor(_LUMA, device=faces.device)[:, None, None]
        faces = (faces * weights).sum(dim=1, keepdim=True)
    return faces


def _error(faces: Tensor, target: Tensor, shrink: Tensor) -> Tensor:
    """Mean squared difference (N,) of faces (N, C, S, S), shrunk, from the target (C, n, n)."""
    return (shrink @ faces @ shrink.T - target).square().mean(dim=(1, 2, 3))


def _rate_factor(progress: float) -> float:
    warm = min(1.0, (progress + 0.01) / _WARM_SHARE)
    return warm * (0.5 + 0.5 * float(np.cos(np.pi * progress)))
