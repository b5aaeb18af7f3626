"""`state.pt`: everything that a run needs to go on."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from resilver.errors import ModelError, RecipeError
from resilver.train.checkpoint import read_content
from resilver.train.optimise import Optimiser
from resilver.train.recipe import Lineage, Recipe

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
    lineage: Lineage | None,
    usual_norm: float = math.inf,
) -> None:
    """Writes all that is needed to go on; a file that is there is replaced by a whole one.

    Raises:
        RecipeError: weights are not finite; the file that is there stays.
        OSError: it cannot be written, as on a full disk; likewise.
    """
    if not (_finite(network) and _finite(average)):
        raise RecipeError(f"{recipe.info.name}: weights are not finite after step {step}")
    state = {
        "recipe": recipe.info.name,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "elapsed": elapsed,
        "figures": figures,
        "usual_norm": usual_norm,
        "lineage": None if lineage is None else asdict(lineage),
    }
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
    except (OSError, RuntimeError) as error:  # torch names a full disk in words of its own
        partial.unlink(missing_ok=True)
        raise OSError(f"{path} cannot be written") from error
    partial.replace(path)


def load_state(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: Optimiser,
    device: torch.device,
    lineage: Lineage | None,
) -> tuple[int, float, dict[str, float], float, Lineage | None]:
    """Puts a stored state into the networks and the optimiser.

    Returns:
        The steps and seconds trained, the figures of the last inspection, the usual length of the
        gradient, and the lineage.

    Raises:
        RecipeError: the file is damaged, of another recipe, of a network of another shape, or of
            one that was trained in another way.
    """
    state = read_state(path, recipe, device)
    try:
        before = state.get("lineage")
        if lineage is not None:
            # States of before there were lineages have none: of their data nothing is known.
            unknown = replace(lineage, licence="research")
            lineage = lineage.resumed(unknown if before is None else Lineage(**before))
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}; --fresh starts over") from error
    except TypeError as error:
        raise _unfit(path, recipe) from error
    try:
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        # States of before there were figures, or usual lengths, have none.
        figures = dict(state.get("figures", {}))
        usual_norm = float(state.get("usual_norm", math.inf))
        return int(state["step"]), float(state["elapsed"]), figures, usual_norm, lineage
    except _UNFIT as error:
        raise _unfit(path, recipe) from error


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


def _finite(network: nn.Module) -> bool:
    """Whether all weights and buffers of a network are numbers."""
    return all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())


def _unfit(path: Path, recipe: Recipe) -> RecipeError:
    grown = {"prior": "grows", "faces": "goes on"}.get(recipe.info.name)
    hint = f"; it {grown} with --start-from that file and another --out" if grown else ""
    return RecipeError(
        f"{path} is of a network of another shape or with other losses: --fresh starts over{hint}"
    )
