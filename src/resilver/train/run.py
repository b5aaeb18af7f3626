"""`resilver train`: one recipe from photos to a weight file with its card."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from resilver.errors import OptionError, RecipeError
from resilver.models.card import Licence, ModelCard
from resilver.nets.stylegan2 import StyleGAN2Config
from resilver.train.export import PRIOR_TOLERANCE, TOLERANCE, CardText, export
from resilver.train.face_losses import LossWeights
from resilver.train.lineage import PRIOR_STATE, with_parents
from resilver.train.loop import FitConfig, FitResult, fit
from resilver.train.losses import without
from resilver.train.machine import is_first_process
from resilver.train.photos import find_photos
from resilver.train.recipe import Lineage, Recipe, Taught
from resilver.train.recipes import recipe_named
from resilver.train.recipes.colourise import ColouriseRecipe
from resilver.train.recipes.content import ContentRecipe
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.recipes.detect import DetectRecipe
from resilver.train.recipes.faces import FacesRecipe, FaceTraining
from resilver.train.recipes.identity import IdentityRecipe
from resilver.train.recipes.prior import (
    DISTANCE,
    INSPECTED_FACES,
    PriorRecipe,
    PriorTraining,
    config_for,
    started_from,
)
from resilver.train.recipes.tone import ToneRecipe
from resilver.train.recipes.upscale import UpscaleRecipe
from resilver.train.recipes.vivid import VividLosses, VividRecipe, VividTraining
from resilver.train.squeezenet import SqueezeNet
from resilver.train.weights import load_onnx_weights

# Recipes whose first argument is their teacher: SqueezeNet's weights, or a folder of networks.
TAUGHT: dict[str, Callable[[Path], Recipe]] = {
    "content": ContentRecipe,
    "detect": DetectRecipe,
    "identity": IdentityRecipe,
    "faces": FacesRecipe,
    "vivid": VividRecipe,
}
MAY_BE_TAUGHT: dict[str, Callable[[Path], Recipe]] = {"upscale": UpscaleRecipe}


_SEEDS = 1 << 32  # more than anybody draws; each process makes further ones of it


@dataclass(frozen=True)
class TrainRequest:
    """What `resilver train` was asked for."""

    recipe: str
    sources: tuple[Path, ...]
    out: Path  # folder: `<recipe>.onnx`, its card, `state.pt`, TensorBoard events
    minutes: float
    clean_targets: bool = False  # recipe `denoise` only: for comparison with Noise2Noise
    # Recipes of `TAUGHT` and `MAY_BE_TAUGHT`: published networks to learn from; `prior`:
    # SqueezeNet's weights, to compare features, and to follow its distance from real faces.
    teacher: Path | None = None
    licence: Licence = "research"  # say "clean" only where the data's terms allow any use
    data_note: str = ""  # what the data is and its terms, for the card
    seed: int = 0
    rate: float = 1.0  # of the recipe's learning rate; less where a trained network goes on
    workers: int = 1
    threads: int | None = None
    resume: bool = True
    # An exported .onnx of the same network to go on from; of a prior, its state (faces may begin
    # with either, or a state of theirs); colourise may begin with SqueezeNet's weights.
    start_from: Path | None = None
    side_px: int | None = None  # recipe `prior` only: of the faces it learns to draw
    without: tuple[str, ...] = ()  # recipes `faces` and `vivid` only: losses that are switched off


def train(
    request: TrainRequest, log: Callable[[str], None] = lambda _line: None
) -> ModelCard | None:
    """Trains, exports, and writes the card; scores are left to the benchmarks.

    Under torchrun only the first process exports; the others return None.

    Raises:
        OptionError: an unknown recipe, `clean_targets` for another one than `denoise`,
            a side for another one than `prior`, a teacher for a recipe that takes none, or none
            for one, or for a loss, that needs it; a rate or a seed that is none.
        RecipeError: no photos, a loss that is not finite, or an export that is not equal.
    """
    recipe = _recipe(request)
    if not 0 <= request.seed < _SEEDS:
        raise OptionError(f"a seed is 0 to {_SEEDS - 1}, not {request.seed}")
    if not 0.0 < request.rate <= 1.0:
        raise OptionError(f"the rate is more than 0 and at most 1, not {request.rate:g}")
    config = FitConfig(
        request.minutes,
        request.out,
        request.seed,
        request.workers,
        request.threads,
        rate=request.rate,
        resume=request.resume,
        lineage=lineage_of(recipe, request),
    )
    find_photos(list(request.sources))  # a wrong path should fail before the first minute is spent
    initial = _initial(recipe, request)
    result = fit(recipe, list(request.sources), config, initial=initial, log=log)
    return export_result(recipe, result, request) if is_first_process() else None


def export_result(recipe: Recipe, result: FitResult, request: TrainRequest) -> ModelCard:
    """Writes `<recipe>.onnx` and its card into the output folder."""
    if result.steps == 0:
        raise RecipeError("not one step was trained: give it more minutes")
    prior = isinstance(recipe, PriorRecipe)
    lineage = result.lineage or lineage_of(recipe, request)
    taught = f", taught by {', '.join(lineage.teachers)}" if lineage.teachers else ""
    start = f", from {lineage.start}" if lineage.start else ""
    text = CardText(
        licence=lineage.licence,
        training_data="; ".join(lineage.data),
        training=(
            f"recipe {recipe.info.name} with {lineage.how}{taught}{start}: {result.steps} steps, "
            f"{result.samples} {'faces' if prior else 'crops'} seen, "
            f"{result.seconds / 60:.0f} min wall-clock on {hardware()}{_last_look(result)}"
        ),
        scores={},
        intended_use=recipe.info.summary,
        limits=recipe.info.limits,
    )
    path = request.out / f"{recipe.info.name}.onnx"
    tolerance = PRIOR_TOLERANCE if prior else TOLERANCE
    network = _unjudged(result.network)
    card = export(recipe, network, path, text, scale=recipe.info.scale, tolerance=tolerance)
    if isinstance(result.network, PriorTraining):  # searched and built upon with gradients
        generator = result.network.generator
        path.with_suffix(".safetensors").write_bytes(save(_in_half(generator)))
        (request.out / PRIOR_STATE).write_bytes(save(_in_half(result.network)))
    return card


def _in_half(network: nn.Module) -> dict[str, Tensor]:
    """Its weights with numbers of 16 bits."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }


def lineage_of(recipe: Recipe, request: TrainRequest) -> Lineage:
    """What the network of a run comes from, what it begins with and its teachers included."""
    how = "clean targets" if request.clean_targets else "the recipe's own targets"
    if isinstance(recipe, FacesRecipe | UpscaleRecipe | VividRecipe):
        how = recipe.how
    note = request.data_note or ", ".join(path.name for path in request.sources)
    own = Lineage(how, licence=request.licence, data=(note,))
    teachers = recipe.teachers if isinstance(recipe, Taught) else ()
    return with_parents(own, request.start_from, teachers)


def _unjudged(trained: nn.Module) -> nn.Module:
    """The network without what judged it in training."""
    if isinstance(trained, FaceTraining):
        return trained.restorer
    return trained.enlarger if isinstance(trained, VividTraining) else trained


def _last_look(result: FitResult) -> str:
    """What the card says of the last inspection; nothing where there was none."""
    distance = result.figures.get(DISTANCE)
    if distance is None:
        return ""
    return (
        f"; at the end the Fréchet distance of SqueezeNet features (not the published FID) of "
        f"{INSPECTED_FACES} drawn faces from {INSPECTED_FACES} of the training is {distance:.4g}"
    )


def hardware() -> str:
    """What trains: "2 CPU cores (x86_64)" or the names of the GPUs."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return ", ".join(names)
    return f"{os.cpu_count()} CPU cores ({platform.machine()})"


def _initial(recipe: Recipe, request: TrainRequest) -> nn.Module | None:
    """The network that a run begins with: what another run has left, or None for a fresh one."""
    path = request.start_from
    if isinstance(recipe, PriorRecipe):
        if path is not None:
            return started_from(path, recipe.net)
        resumes = request.resume and (request.out / "state.pt").is_file()
        return None if resumes else recipe.begun(list(request.sources), request.seed)
    if path is None:
        return None
    if isinstance(recipe, FacesRecipe | ColouriseRecipe | ToneRecipe | UpscaleRecipe | VividRecipe):
        return recipe.started_from(path)
    return load_onnx_weights(recipe.network(), path)


def _recipe(request: TrainRequest) -> Recipe:
    if request.clean_targets and request.recipe != "denoise":
        raise OptionError("clean targets are a choice of the recipe denoise only")
    if request.recipe == "prior":
        net = StyleGAN2Config() if request.side_px is None else config_for(request.side_px)
        if request.teacher is not None:
            SqueezeNet.read(request.teacher)  # wrong weights should not show after ten minutes
        return PriorRecipe(net=net, teacher=request.teacher)
    if request.side_px is not None:
        raise OptionError("the faces' side is a choice of the recipe prior only")
    if request.without and request.recipe not in ("faces", "vivid"):
        raise OptionError("losses are switched off in the recipes faces and vivid only")
    if request.recipe == "vivid":
        losses = without(VividLosses(), request.without)
        return _seen_to(VividRecipe(request.teacher, losses=losses))
    if request.recipe == "faces":
        weights = LossWeights().without(request.without)
        return _seen_to(FacesRecipe(request.teacher, weights=weights))
    by_choice = request.recipe in MAY_BE_TAUGHT
    if (request.teacher is not None) != (request.recipe in TAUGHT) and not by_choice:
        taught, others = ", ".join(TAUGHT), ", ".join(MAY_BE_TAUGHT)
        raise OptionError(f"the recipes {taught} need a teacher, {others} may have one, no others")
    if request.clean_targets:
        return DenoiseRecipe(clean_targets=True)
    if request.teacher is not None:
        return {**TAUGHT, **MAY_BE_TAUGHT}[request.recipe](request.teacher)
    return recipe_named(request.recipe)


def _seen_to(recipe: FacesRecipe | VividRecipe) -> Recipe:
    """The recipe, if it has a teacher or no loss that looks with one's eyes.

    Raises:
        OptionError: such a loss and no teacher, or a teacher and no such loss.
    """
    if recipe.teacher is not None and not recipe.taught:
        raise OptionError(
            f"none of the losses of the recipe {recipe.info.name} that are left needs a teacher"
        )
    if recipe.teacher is None and recipe.taught:
        losses = ",".join(recipe.taught)
        raise OptionError(f"the recipe {recipe.info.name} needs a teacher, or --without {losses}")
    return recipe
