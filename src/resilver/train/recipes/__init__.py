"""The visible table of recipes: `resilver train NAME`."""

from __future__ import annotations

from collections.abc import Callable

from resilver.errors import OptionError
from resilver.train.recipe import Recipe
from resilver.train.recipes.colourise import ColouriseRecipe
from resilver.train.recipes.content import ContentRecipe
from resilver.train.recipes.damage import DamageRecipe
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.recipes.detect import DetectRecipe
from resilver.train.recipes.faces import FacesRecipe
from resilver.train.recipes.fill import FillRecipe
from resilver.train.recipes.identity import IdentityRecipe
from resilver.train.recipes.prior import PriorRecipe
from resilver.train.recipes.tone import ToneRecipe
from resilver.train.recipes.upscale import UpscaleRecipe
from resilver.train.recipes.vivid import VividRecipe

RECIPES: dict[str, Callable[[], Recipe]] = {
    "colourise": ColouriseRecipe,
    "content": ContentRecipe,
    "damage": DamageRecipe,
    "fill": FillRecipe,
    "denoise": DenoiseRecipe,
    "detect": DetectRecipe,
    "faces": FacesRecipe,
    "identity": IdentityRecipe,
    "prior": PriorRecipe,
    "tone": ToneRecipe,
    "upscale": UpscaleRecipe,
    "vivid": VividRecipe,
}


def recipe_named(name: str) -> Recipe:
    """A fresh recipe of the table.

    Raises:
        OptionError: no recipe has this name.
    """
    if name not in RECIPES:
        raise OptionError(f"unknown recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]()
