"""What a person may ask of a restoration over the API: the options of the command line."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from resilver.errors import OptionError, OptionUnused
from resilver.imaging.colouring import HINT_PATTERN, ColourHint
from resilver.making import allowed, build_stages, within_licence
from resilver.options import Options
from resilver.photo import DEFAULT_MAX_MEGAPIXELS
from resilver.service.jobs import LOOK
from resilver.stages import STAGES
from resilver.stages.fills import FILLS
from resilver.stages.upscale import FACTORS

# Of the one who runs it: how large a tile or a result is, how many threads, weights that he has
# imported.
OF_THE_SERVER = frozenset(
    {
        "tile_px",
        "threads",
        "denoise_model",
        "tone_model",
        "colour_model",
        "face_model",
        "upscale_model",
        "max_megapixels",
    }
)
# The stages that are given the larger photo, or make it.
_ONCE_LARGER = STAGES[STAGES.index("upscale") :]
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
    upscale: Literal["auto", 2, 4] | None = Field(
        None, description="Make the photo so many times larger; 'auto' does if it is tiny."
    )
    vivid: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        description="Of enlarging: 0 keeps to the pixels, 1 draws detail that may have been there.",
    )
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

    @field_validator("upscale", mode="before")
    @classmethod
    def _as_number(cls, given: object) -> object:
        """A form sends digits."""
        return int(given) if isinstance(given, str) and given.isdecimal() else given

    def stages(self) -> tuple[str, ...]:
        """The stages that these options leave in, in running order."""
        unasked = () if self.for_pipeline().in_colour else ("colourise",)
        return tuple(
            name
            for name in STAGES
            if (not self.only or name in self.only)
            and name not in (*self.skip, *unasked)
            and (name != "upscale" or self.enlarges)
        )

    def work(self) -> tuple[str, ...]:
        """What a worker does, piece by piece, as its cost is measured."""
        return tuple(self.piece(name) for name in self.stages())

    def piece(self, stage: str) -> str:
        """The name under which the cost of a stage is measured: what is another work has another.

        Whatever comes once the photo is larger costs as much more for each of its megapixels.
        """
        if self.look:
            return f"{LOOK}{stage}"
        larger = self.times_larger > 1 and stage in _ONCE_LARGER
        return f"{stage} x{self.times_larger}" if larger else stage

    @property
    def enlarges(self) -> bool:
        """Whether a larger result is asked for."""
        named = self.upscale is not None or "upscale" in (*self.only, *self.force)
        left = "upscale" not in self.skip and (not self.only or "upscale" in self.only)
        return named and left

    @property
    def times_larger(self) -> int:
        """How many times as high and as wide as a large photo its result may become.

        What is enlarged only because it is tiny stays small.
        """
        if self.look or not self.enlarges:
            return 1
        if isinstance(self.upscale, int):
            return self.upscale
        return min(FACTORS) if "upscale" in self.force else 1

    def for_pipeline(
        self,
        mask: NDArray[np.uint8] | None = None,
        threads: int | None = None,
        max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    ) -> Options:
        """As the pipeline takes them.

        Args:
            mask: (H, W), above 127 = damaged.
            threads: of a network.
            max_megapixels: of a result that was made larger.

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
            upscale=self.upscale,
            vivid=self.vivid,
            max_megapixels=max_megapixels,
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
            OptionError: an unknown stage or fill, no stage left, a mode for no mask, a mask for no
                repair, or what the licence does not permit.
        """
        if not self.stages():
            raise OptionError("no stage is left to run")
        if has_mask and (unused := self.for_pipeline().mask_unused):
            raise OptionUnused("mask", unused)
        if self.mask_mode != "add" and not has_mask:
            raise OptionError(f"mask_mode {self.mask_mode} needs a mask")
        if self.licence == "clean":
            anywhere = np.full((1, 1), 255, np.uint8) if has_mask else None
            asked, _notices = within_licence(self.for_pipeline(anywhere))
            allowed(build_stages(asked), asked)
