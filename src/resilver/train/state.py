"""`state.pt`: everything that a run needs to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from resilver.errors import ModelError, RecipeError
from resilver.train.checkpoint import read_content
from resilver.train.optimise import Optimiser
from resilver.train.recipe import Recipe

# What torch raises where a state is not of the network or of the optimiser it is put into.
_UNFIT = (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError)


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
        RecipeError: the file is damaged, of another recipe, or of a network of another shape.
    """
    state = read_state(path, recipe, device)
    try:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        # States of before there were figures have none.
        return int(state["step"]), float(state["elapsed"]), dict(state.get("figures", {}))
    except _UNFIT as error:
        raise _unfit(path, recipe) from error


def load_average(path: Path, recipe: Recipe) -> nn.Module:
    """The EMA network stored in a `state.pt`, float32 on the CPU, in eval mode.

    Raises:
        RecipeError: the file is damaged, of another recipe, or of a network of another shape.
    """
    state = read_state(path, recipe)
    network = recipe.network()
    try:
        network.load_state_dict(state["average"])
    except _UNFIT as error:
        raise _unfit(path, recipe) from error
    return network.eval()


def read_state(path: Path, recipe: Recipe, device: torch.device | str = "cpu") -> dict[str, Any]:
    """All that a run of this recipe has stored, by name.

    Raises:
        RecipeError: the file is missing, damaged, or of another recipe.
    """
    try:
        state = read_content(path, device)
    except ModelError as error:
        raise RecipeError(f"{error}; --fresh starts over") from error
    if not isinstance(state, dict) or "recipe" not in state:
        raise RecipeError(f"{path}: not the state of a run; --fresh starts over")
    if state["recipe"] != recipe.info.name:
        raise RecipeError(f"{path} is of the recipe {state['recipe']!r}, not {recipe.info.name!r}")
    return state


def _unfit(path: Path, recipe: Recipe) -> RecipeError:
    grown = {"prior": "grows", "faces": "goes on"}.get(recipe.info.name)
    hint = f"; it {grown} with --start-from that file and another --out" if grown else ""
    return RecipeError(
        f"{path} is of a network of another shape or with other losses: --fresh starts over{hint}"
    )
