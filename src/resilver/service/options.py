"""What a person may ask of a restoration over the API: the options of the command line."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from resilver.errors import OptionError
from resilver.imaging.colouring import HINT_PATTERN, ColourHint
from resilver.options import Options
from resilver.pipeline import stage_names
from resilver.service.jobs import LOOK
from resilver.stages import STAGES
from resilver.stages.fills import FILLS

# Of the one who runs it: how large a tile is, how many threads, weights that he has imported.
OF_THE_SERVER = frozenset(
    {"tile_px", "threads", "denoise_model", "tone_model", "colour_model", "face_model"}
)
# Comes as a picture of its own.
OF_THE_UPLOAD = frozenset({"mask"})

StageName = Annotated[str, Field(max_length=40, examples=[STAGES[0]])]
HintText = Annotated[str, Field(pattern=HINT_PATTERN, examples=["120,340,#7a4b2f"])]
Extension = Literal["jpg", "png", "tif", "webp", "avif", "heic"]


class RestorationOptions(BaseModel):
    """What to do with a photo; by default every stage measures, and acts where it must."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    only: tuple[StageName, ...] = Field((), max_length=20, description="Run these stages only.")
    skip: tuple[StageName, ...] = Field((), max_length=20, description="Leave these stages out.")
    force: tuple[StageName, ...] = Field(
        (), max_length=20, description="Let these stages act whatever they find."
    )
    repair: float = Field(1.0, ge=0.0, le=1.0, description="Strength of the repair.")
    denoise: float | None = Field(
        None, ge=0.0, le=1.0, description="Strength of denoising, whatever is measured."
    )
    tone: float = Field(
        1.0, ge=0.0, le=1.0, description="Strength of reviving faded tones and colours."
    )
    neutral: bool = Field(
        default=False, description="Take away the tone of a sepia or otherwise toned print."
    )
    colourise: bool = Field(
        default=False, description="Give a black and white photo likely colours."
    )
    hints: tuple[HintText, ...] = Field(
        (),
        max_length=1000,
        description="What colour places of a black and white photo have: x,y,#rrggbb in pixels.",
    )
    colour_seed: int = Field(
        0, ge=0, lt=1 << 32, description="0 = the likeliest colours, else another likely choice."
    )
    fill: str = Field("learned", max_length=40, description=f"One of {', '.join(FILLS)}.")
    mask_mode: Literal["add", "replace", "subtract"] = Field(
        "add", description="Add the mask to what is found, use it instead, or take it away."
    )
    faces: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        (), max_length=1000, description="Which faces, from 1, from left to right; empty = all."
    )
    fidelity: float = Field(
        0.0, ge=0.0, le=1.0, description="Of faces: 0 as they are restored, 1 as they came."
    )
    licence: Literal["any", "clean"] = Field(
        "any", description="'clean' leaves out networks that are not free for any use."
    )
    ext: Extension | None = Field(None, description="Type of the result; null = as the photo.")
    look: bool = Field(
        default=False, description="Only find out what would be done; restore nothing."
    )

    def stages(self) -> tuple[str, ...]:
        """The stages that these options leave in, in running order."""
        unasked = () if self.for_pipeline().in_colour else ("colourise",)
        return tuple(
            name
            for name in stage_names()
            if (not self.only or name in self.only) and name not in (*self.skip, *unasked)
        )

    def work(self) -> tuple[str, ...]:
        """What a worker does, piece by piece, as its cost is measured."""
        return tuple(f"{LOOK}{name}" if self.look else name for name in self.stages())

    def for_pipeline(
        self, mask: NDArray[np.uint8] | None = None, threads: int | None = None
    ) -> Options:
        """As the pipeline takes them.

        Args:
            mask: (H, W), above 127 = damaged.
            threads: of a network.

        Raises:
            OptionError: an unknown stage or fill.
        """
        return Options(
            only=self.only,
            skip=self.skip,
            force=self.force,
            repair=self.repair,
            denoise=self.denoise,
            tone=self.tone,
            neutral=self.neutral,
            colourise=self.colourise,
            hints=tuple(ColourHint.parse(text) for text in self.hints),
            colour_seed=self.colour_seed,
            fill=self.fill,
            mask=mask,
            mask_mode=self.mask_mode,
            faces=self.faces,
            fidelity=self.fidelity,
            licence=self.licence,
            threads=threads,
        )

    def check(self, *, has_mask: bool) -> None:
        """Refuses what cannot be done.

        Raises:
            OptionError: an unknown stage or fill, no stage left, no network for the colours asked
                for, or a mode for no mask.
        """
        wanted = self.for_pipeline()
        if wanted.in_colour and "colourise" not in (*self.skip, *stage_names()):
            raise OptionError("no network for colours is bundled yet")
        if not self.stages():
            raise OptionError("no stage is left to run")
        if self.mask_mode != "add" and not has_mask:
            raise OptionError(f"mask_mode {self.mask_mode} needs a mask")
