"""`resilver train`: one recipe from photos to a weight file with its card."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from resilver.errors import OptionError, RecipeError
from resilver.models.card import Licence, ModelCard
from resilver.train.export import CardText, export
from resilver.train.loop import FitConfig, FitResult, fit, is_first_process, load_average
from resilver.train.photos import find_shards
from resilver.train.recipe import Recipe
from resilver.train.recipes import recipe_named
from resilver.train.recipes.content import ContentRecipe
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.recipes.detect import DetectRecipe
from resilver.train.weights import load_onnx_weights

# Recipes whose first argument is their teacher: SqueezeNet's weights, and a folder of detectors.
TAUGHT: dict[str, Callable[[Path], Recipe]] = {"content": ContentRecipe, "detect": DetectRecipe}


@dataclass(frozen=True)
class TrainRequest:
    """What `resilver train` was asked for."""

    recipe: str
    sources: tuple[Path, ...]
    out: Path  # folder: `<recipe>.onnx`, its card, `state.pt`, TensorBoard events
    minutes: float
    clean_targets: bool = False  # recipe `denoise` only: for comparison with Noise2Noise
    teacher: Path | None = None  # recipes of `TAUGHT` only: published networks to learn from
    licence: Licence = "research"  # say "clean" only where the data's terms allow any use
    data_note: str = ""  # what the data is and its terms, for the card
    seed: int = 0
    workers: int = 1
    threads: int | None = None
    resume: bool = True
    start_from: Path | None = None  # an exported .onnx of the same network to go on from


def train(
    request: TrainRequest, log: Callable[[str], None] = lambda _line: None
) -> ModelCard | None:
    """Trains, exports, and writes the card; scores are left to the benchmarks.

    Under torchrun only the first process exports; the others return None.

    Raises:
        OptionError: an unknown recipe, `clean_targets` for another one than `denoise`,
            a teacher for a recipe that takes none, or none for one that needs it.
        RecipeError: no photos, a loss that is not finite, or an export that is not equal.
    """
    recipe = _recipe(request)
    if request.minutes <= 0:
        raise OptionError(f"minutes are more than 0, not {request.minutes:g}")
    find_shards(list(request.sources))  # a wrong path should fail before the first minute is spent
    config = FitConfig(
        request.minutes,
        request.out,
        request.seed,
        request.workers,
        request.threads,
        resume=request.resume,
    )
    initial = None
    if request.start_from is not None:
        initial = load_onnx_weights(recipe.network(), request.start_from)
    result = fit(recipe, list(request.sources), config, initial=initial, log=log)
    return export_result(recipe, result, request) if is_first_process() else None


def export_state(request: TrainRequest) -> ModelCard:
    """Exports what `state.pt` in the output folder holds, without training further."""
    recipe = _recipe(request)
    state = torch.load(request.out / "state.pt", map_location="cpu", weights_only=True)
    steps = int(state["step"])
    result = FitResult(
        load_average(request.out / "state.pt", recipe),
        steps,
        float(state["elapsed"]),
        steps * recipe.info.batch,
    )
    return export_result(recipe, result, request)


def export_result(recipe: Recipe, result: FitResult, request: TrainRequest) -> ModelCard:
    """Writes `<recipe>.onnx` and its card into the output folder."""
    if result.steps == 0:
        raise RecipeError("not one step was trained: give it more minutes")
    start = f", from {request.start_from.name}" if request.start_from is not None else ""
    how = "clean targets" if request.clean_targets else "the recipe's own targets"
    text = CardText(
        licence=request.licence,
        training_data=request.data_note or ", ".join(path.name for path in request.sources),
        training=(
            f"recipe {recipe.info.name} with {how}{start}: {result.steps} steps, "
            f"{result.samples} crops, "
            f"{result.seconds / 60:.0f} min wall-clock on {hardware()}"
        ),
        scores={},
        intended_use=recipe.info.summary,
        limits=recipe.info.limits,
    )
    return export(recipe, result.network, request.out / f"{recipe.info.name}.onnx", text)


def with_scores(card_path: Path, scores: dict[str, float]) -> ModelCard:
    """Writes measured scores onto a card."""
    card = replace(ModelCard.read(card_path), scores=scores)
    card_path.write_text(card.to_toml(), "utf-8")
    return card


def hardware() -> str:
    """What trains: "2 CPU cores (x86_64)" or the names of the GPUs."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return ", ".join(names)
    return f"{os.cpu_count()} CPU cores ({platform.machine()})"


def _recipe(request: TrainRequest) -> Recipe:
    if request.clean_targets and request.recipe != "denoise":
        raise OptionError("clean targets are a choice of the recipe denoise only")
    if (request.teacher is not None) != (request.recipe in TAUGHT):
        taught = " and ".join(TAUGHT)
        raise OptionError(f"the recipes {taught}, and no others, need a teacher's weights")
    if request.clean_targets:
        return DenoiseRecipe(clean_targets=True)
    if request.teacher is not None:
        return TAUGHT[request.recipe](request.teacher)
    return recipe_named(request.recipe)
