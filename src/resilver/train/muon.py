"""Muon: momentum whose update of a whole weight matrix is made orthogonal.

References: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), for the
method and the coefficients; Liu et al., "Muon is Scalable for LLM Training" (2025), for the length
of the step.

Torch has one as well, which makes orthogonal in bfloat16 whatever the processor. Without bfloat16
in hardware that took 4.8 s for each step of the recipe `fill`, longer than all the rest; in float32
it takes 0.3 s (one thread of an AVX2 processor).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
# Of the polynomial a x + b x^3 + c x^5 that, applied again and again, brings every singular value
# near 1; steep at 0, so that few rounds do.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5
_LENGTH = 0.2  # root mean square of an update at the rate 1, about AdamW's: one rate serves both


class Muon(torch.optim.Optimizer):
    """Updates matrices (rows, columns) in place.

    Args:
        groups: parameter groups of torch, each with its own "lr" as it goes.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"lr": 1e-3})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One update from the gradients in place; closures are not called."""
        del closure
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                kept = self.state[matrix]
                if not kept:
                    kept["momentum_buffer"] = torch.zeros_like(matrix)
                mean = kept["momentum_buffer"].lerp_(matrix.grad, 1.0 - MOMENTUM)
                ahead = matrix.grad.lerp(mean, MOMENTUM)  # Nesterov's
                length = group["lr"] * _LENGTH * math.sqrt(max(matrix.shape))
                matrix.sub_(orthogonal(ahead), alpha=length)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix (m, n) with all singular values brought near 1, by Newton-Schulz iteration."""
    flat = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    flat = flat / flat.norm().clamp_min(1e-7)
    for _ in range(_ROUNDS):
        square = flat @ flat.T
        flat = _A * flat + (_B * square + _C * square @ square) @ flat
    return flat.T if matrix.shape[0] > matrix.shape[1] else flat
