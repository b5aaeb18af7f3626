"""`state.pt`: everything that a run needs to go on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from resilver.errors import RecipeError
from resilver.train.optimise import Optimiser
from resilver.train.recipe import Recipe


def save_state(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: Optimiser,
    step: int,
    elapsed: float,
    figures: dict[str, float],
) -> None:
    """Writes all that is needed to go on; a file that is there is replaced by a whole one."""
    state = {
        "recipe": recipe.info.name,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "elapsed": elapsed,
        "figures": figures,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_state(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: Optimiser,
    device: torch.device,
) -> tuple[int, float, dict[str, float]]:
    """Puts a stored state into the networks and the optimiser.

    Returns:
        The steps and seconds trained, and the figures of the last inspection.

    Raises:
        RecipeError: the file is of another recipe.
    """
    state = torch.load(path, map_location=device, weights_only=True)
    if state["recipe"] != recipe.info.name:
        raise RecipeError(f"{path} is of the recipe {state['recipe']!r}, not {recipe.info.name!r}")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    # States of before there were figures have none.
    return int(state["step"]), float(state["elapsed"]), dict(state.get("figures", {}))


def load_average(path: Path, recipe: Recipe) -> nn.Module:
    """The EMA network stored in a `state.pt`, float32 on the CPU, in eval mode.

    Raises:
        RecipeError: the file is of another recipe.
    """
    state: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != recipe.info.name:
        raise RecipeError(f"{path} is of the recipe {state['recipe']!r}, not {recipe.info.name!r}")
    network = recipe.network()
    weights = state["average"]
    assert isinstance(weights, dict)
    network.load_state_dict(weights)
    return network.eval()
