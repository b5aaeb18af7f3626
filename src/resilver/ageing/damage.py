"""The table of structural effects, and the drawing of a random set of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.ageing import cracks, creases, edges, losses, rings, scratches, specks, stains
from resilver.ageing.canvas import KINDS, Canvas
from resilver.ageing.overlays import draw_overlay
from resilver.ageing.recipe import AgeingRecipe
from resilver.errors import OptionError


@dataclass(frozen=True)
class Effect:
    """One way a print gets damaged."""

    kind: str  # one of KINDS
    weight: float  # how often, relative to the others of its kind
    lay: Callable[[Canvas, np.random.Generator], None]


EFFECTS: dict[str, Effect] = {
    "scratch_line": Effect("scratch", 1.6, scratches.scratch_line),
    "scratch_bundle": Effect("scratch", 0.8, scratches.scratch_bundle),
    "film_scratch": Effect("scratch", 0.35, scratches.film_scratch),
    "abrasion": Effect("scratch", 0.9, scratches.abrasion),
    "hair": Effect("scratch", 1.4, scratches.hair),
    "lint": Effect("scratch", 1.0, scratches.lint),
    "scribble": Effect("scratch", 0.35, scratches.scribble),
    "branching_crack": Effect("scratch", 1.3, cracks.branching_crack),
    "craquelure": Effect("scratch", 0.3, cracks.craquelure),
    "crease": Effect("scratch", 0.7, creases.crease),
    "ragged_crease": Effect("scratch", 1.0, creases.ragged_crease),
    "creased_corner": Effect("scratch", 0.5, creases.creased_corner),
    "fold": Effect("scratch", 0.3, creases.fold),
    "folded_corner": Effect("scratch", 0.4, creases.folded_corner),
    "torn_corner": Effect("missing", 1.2, edges.torn_corner),
    "torn_edge": Effect("missing", 0.8, edges.torn_edge),
    "hole": Effect("missing", 1.0, losses.hole),
    "flakes": Effect("missing", 1.3, losses.flakes),
    "abraded": Effect("missing", 0.7, losses.abraded),
    "tape": Effect("missing", 0.4, losses.tape),
    "tear": Effect("missing", 0.8, edges.tear),
    "flat_blob": Effect("missing", 0.9, losses.flat_blob),
    "worn_edges": Effect("missing", 0.6, edges.worn_edges),
    "blotch": Effect("stain", 1.4, stains.blotch),
    "noise_stains": Effect("stain", 1.6, stains.noise_stains),
    "tide_line": Effect("stain", 0.4, rings.tide_line),
    "foxing": Effect("stain", 0.7, stains.foxing),
    "mould": Effect("stain", 0.8, stains.mould),
    "burn": Effect("stain", 0.2, rings.burn),
    "fingerprint": Effect("stain", 0.2, rings.fingerprint),
    "coffee_ring": Effect("stain", 0.15, rings.coffee_ring),
    "smear": Effect("stain", 0.25, stains.smear),
    "specks": Effect("dust", 1.4, specks.specks),
    "cloud": Effect("dust", 1.2, specks.cloud),
    "speckle": Effect("dust", 0.7, specks.speckle),
    "sprinkle": Effect("dust", 0.7, specks.sprinkle),
    "fibres": Effect("dust", 0.7, specks.fibres),
    "smudge": Effect("dust", 0.25, specks.smudge),
    "haloed_spot": Effect("dust", 0.4, specks.haloed_spot),
    "smut": Effect("dust", 1.0, specks.smut),
}


def damage(
    canvas: Canvas,
    rng: np.random.Generator,
    recipe: AgeingRecipe,
    overlays: Sequence[tuple[str, NDArray[np.uint8]]] = (),
) -> None:
    """Lays a random set of structural damage on the canvas.

    Raises:
        OptionError: the recipe names an effect that does not exist.
    """
    names = recipe.effects or tuple(EFFECTS)
    unknown = [name for name in names if name not in EFFECTS]
    if unknown:
        raise OptionError(f"no ageing effect is called {', '.join(unknown)}")
    if rng.random() < recipe.no_damage:
        return
    jobs: list[tuple[str, Callable[[Canvas, np.random.Generator], None]]] = []
    for index in _choose_kinds(rng, recipe, names):
        kind = KINDS[index]
        own = [EFFECTS[name] for name in names if EFFECTS[name].kind == kind]
        given = [overlay for name, overlay in overlays if name == kind]
        # A photo tends to have few sorts of damage repeated, not one of everything.
        weights = np.asarray([effect.weight for effect in own]) * rng.gamma(0.7, 1.0, len(own))
        weights = weights / weights.sum()
        mean = recipe.marks_per_area[index] * recipe.density * canvas.relative_area
        count = int(rng.poisson(mean * rng.gamma(1.5, 1 / 1.5)))
        if count == 0 and (recipe.effects or not jobs or rng.random() < 0.5):
            count = 1  # a small crop still sees one mark of most of its kinds
        for _ in range(min(count, 60)):
            if given and rng.random() < recipe.overlays:
                jobs.append((kind, _overlay_job(given[int(rng.integers(len(given)))], kind)))
            else:
                jobs.append((kind, own[int(rng.choice(len(own), p=weights))].lay))
    order = rng.permutation(len(jobs))
    # What is missing was mostly lost last: it covers the rest.
    last = [i for i in order if jobs[i][0] == "missing" and rng.random() < 0.7]
    for i in [*(i for i in order if i not in last), *last]:
        jobs[i][1](canvas, rng)


def _overlay_job(
    overlay: NDArray[np.uint8], kind: str
) -> Callable[[Canvas, np.random.Generator], None]:
    def lay(canvas: Canvas, rng: np.random.Generator) -> None:
        draw_overlay(canvas, rng, overlay, kind)

    return lay


def _choose_kinds(
    rng: np.random.Generator, recipe: AgeingRecipe, names: Sequence[str]
) -> list[int]:
    """Indices into KINDS of the damage this photo has; at least one."""
    present = {EFFECTS[name].kind for name in names}
    possible = [i for i, kind in enumerate(KINDS) if kind in present]
    if recipe.effects:
        return possible
    if rng.random() < recipe.single_kind:
        return [possible[int(rng.integers(len(possible)))]]
    chosen = [i for i in possible if rng.random() < recipe.kind_weights[i]]
    return chosen or [possible[int(rng.integers(len(possible)))]]
