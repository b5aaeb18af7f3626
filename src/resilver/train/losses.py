"""Losses shared by recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from resilver.errors import OptionError
from resilver.train.squeezenet import SqueezeNet


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - soft Dice, over the batch and the image, mean over channels.

    Reference: Milletari et al., "V-Net" (2016). (N, C, H, W) logits and truth in {0, 1}.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    # The constant keeps a channel that is absent from the batch from swinging the gradient.
    return (1.0 - (2.0 * overlap + 50.0) / (total + 50.0)).mean()


def balanced_cross_entropy(logits: Tensor, truth: Tensor, most: float = 4.0) -> Tensor:
    """Pixel-wise cross-entropy in which damaged and sound pixels weigh the same, per channel.

    Where both weigh the same, a constant output has no gradient: what is learned first is where
    damage is, not how much of it there is. `most` bounds the weight of a damaged pixel.

    Reference: Xie and Tu, "Holistically-Nested Edge Detection" (2015). (N, C, H, W) both.
    """
    share = truth.mean(dim=(0, 2, 3), keepdim=True)
    weight = ((1.0 - share) / share.clamp_min(1e-4)).clamp(1.0, most)
    return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight)


class Perceptual:
    """How different two pictures look to SqueezeNet: 1 - cosine of the features, sum over layers.

    After Zhang et al., "The Unreasonable Effectiveness of Deep Features" (2018), without their
    learned weights.

    Args:
        weights: of SqueezeNet, see `SqueezeNet.read`.
        device: where the pictures are.
        seen_share: of the side; a random part of the picture is looked at where it is under 1.
        layers: how much the modules 4, 8 and 9 count.
    """

    def __init__(
        self,
        weights: Path,
        device: torch.device,
        *,
        seen_share: float = 1.0,
        layers: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self._network = SqueezeNet.read(weights).to(device)
        self._seen_share, self._layers = seen_share, layers

    def __call__(self, drawn: Tensor, real: Tensor) -> Tensor:
        """Of pictures (N, 3, S, S) in [0, 1]."""
        side = drawn.shape[-1]
        part = round(self._seen_share * side)
        top, left = (int(torch.randint(0, side - part + 1, ())) for _ in range(2))
        window = (..., slice(top, top + part), slice(left, left + part))
        with torch.no_grad():
            wanted = self._network(real[window])
        distances = [
            weight * (1.0 - F.cosine_similarity(mine.float(), theirs.float(), dim=1).mean())
            for weight, mine, theirs in zip(
                self._layers, self._network(drawn[window]), wanted, strict=True
            )
        ]
        return torch.stack(distances).sum()


def judged(judge: nn.Module, real: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """(the judge's loss, the drawer's loss): non-saturating, each blind to the other's weights."""
    judging = F.softplus(judge(drawn.detach())).mean() + F.softplus(-judge(real)).mean()
    return judging, F.softplus(-unmoved(judge, drawn)).mean()


def unmoved(judge: nn.Module, drawn: Tensor) -> Any:
    """The judgement, by weights that do not learn from it."""
    fixed = {name: weight.detach() for name, weight in judge.named_parameters()}
    return functional_call(judge, fixed | dict(judge.named_buffers()), (drawn,))


def without(weights: Any, names: Sequence[str]) -> Any:
    """The weights of losses (a dataclass of numbers) with some of them switched off.

    Raises:
        OptionError: no loss has one of the names.
    """
    known = [part.name for part in fields(weights)]
    for name in names:
        if name not in known:
            raise OptionError(f"unknown loss {name!r}; there are: {', '.join(known)}")
    return replace(weights, **dict.fromkeys(names, 0.0))


def switched_off(weights: Any) -> str:
    """The names of the losses that count for nothing, for a card; "none" where all do."""
    off = [part.name for part in fields(weights) if not getattr(weights, part.name)]
    return ", ".join(off) or "none"


def shown_losses(terms: dict[str, Tensor]) -> dict[str, float]:
    """The weighted losses as figures to log."""
    return {name: float(value.detach()) for name, value in terms.items()}
