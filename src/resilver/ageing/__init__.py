"""Ageing: the reverse of the product. Synthetic scratches, tears, stains, dust, fading, grain.

`age` takes a good photo and a seed and gives the photo as a scan of an old print, the same scan
without structural damage, and one mask a kind of damage. numpy and OpenCV only.
"""

from __future__ import annotations

from resilver.ageing.canvas import KINDS
from resilver.ageing.chain import Aged, age
from resilver.ageing.damage import EFFECTS, Effect
from resilver.ageing.overlays import OVERLAY_KINDS, lay_overlay
from resilver.ageing.recipe import AgeingRecipe

__all__ = [
    "EFFECTS",
    "KINDS",
    "OVERLAY_KINDS",
    "Aged",
    "AgeingRecipe",
    "Effect",
    "age",
    "lay_overlay",
]
