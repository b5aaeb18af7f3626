"""The visible table of stages, in running order. Adding one: a file here, a line in `STAGES`."""

from __future__ import annotations

STAGES: tuple[str, ...] = ("repair", "denoise", "tone", "colourise", "upscale", "faces")
"""Names of the stages in running order; `resilver.making.build_stages` makes them."""
