"""Options: what a person asked for, checked as soon as it is said."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError, OptionUnused
from resilver.imaging.colouring import ColourHint
from resilver.photo import DEFAULT_MAX_MEGAPIXELS
from resilver.stages import STAGES
from resilver.stages.fills import FILLS
from resilver.stages.upscale import FACTORS

# What goes with one stage: refused where that stage does not run. Not the mask: it may be given
# apart from the other options, for whatever stages there are, and then a notice says so.
OF_STAGES: dict[str, tuple[str, ...]] = {
    "repair": ("repair", "fill"),
    "denoise": ("denoise", "denoise_model"),
    "tone": ("tone", "neutral", "tone_model"),
    "colourise": ("colourise", "hints", "colour_seed", "colour_model"),
    "upscale": ("upscale", "vivid", "upscale_model"),
    "faces": ("faces", "fidelity", "face_model"),
}
MASK_MODES = ("add", "replace", "subtract")
LICENCES = ("any", "clean")
SEEDS = 1 << 32  # so many choices of colours there are
_FARTHEST = 1 << 63  # beyond it Python itself would not write a number out
MOST_THREADS = 1024  # beyond that ONNX Runtime spends minutes on starting them


@dataclass(frozen=True, eq=False)
class Options:
    """What a person asked for; everything else is decided by measuring."""

    only: tuple[str, ...] = ()  # run these stages only; empty = all
    skip: tuple[str, ...] = ()  # leave these stages out
    force: tuple[str, ...] = ()  # act even where the finding says no
    repair: float = 1.0  # strength of the repair, 0..1
    denoise: float | None = (
        None  # strength 0..1, whatever is measured; None = measured noise decides
    )
    tone: float = 1.0  # strength of reviving faded tones and colours, 0..1
    neutral: bool = False  # take the tone of a sepia or otherwise toned print away
    colourise: bool = False  # give a black and white photo likely colours; hints ask for it too
    hints: tuple[ColourHint, ...] = ()  # what colour places have
    colour_seed: int = 0  # 0 = the likeliest colours, any other number = another likely choice
    fill: str = "learned"  # one of stages.fills.FILLS
    # (H, W), damaged: uint8 above 127, bool True, float above 0.5; kept as uint8
    mask: NDArray[np.uint8 | np.bool_ | np.floating] | None = None
    mask_mode: Literal["add", "replace", "subtract"] = "add"  # to, instead of, from what is found
    # Files of weights, kept as Path; None = the bundled ones.
    denoise_model: Path | str | None = None  # from `resilver learn-noise`
    tone_model: Path | str | None = None  # from the recipe `tone`
    colour_model: Path | str | None = None  # from the recipe `colourise`
    upscale: Literal["auto", 2, 4] | None = None  # times larger; "auto" = only what is tiny
    # Of the network that draws, 0..1, mixed with the one that is faithful; None = as measured best
    vivid: float | None = None
    upscale_model: str | None = None  # name of a network that enlarges; None = the bundled ones
    # Of a file that `restore` opens, and of a result that was made larger.
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
    faces: tuple[int, ...] = ()  # which faces, from 1, from left to right; empty = all
    fidelity: float = 0.0  # of faces, 0..1: 0 = as the network restores them, 1 = as they came
    face_model: str | None = None  # name of a network for faces; None = the bundled one
    tile_px: int | None = None  # side of a tile; None = what suits the photo, see `tile_side`
    threads: int | None = None  # of a network; None = all cores
    licence: Literal["any", "clean"] = "any"  # "clean" leaves out networks of restricted use

    def __post_init__(self) -> None:
        self._check_types()
        for name in (*self.only, *self.skip, *self.force):
            if name not in STAGES:
                raise OptionError(f"unknown stage {name!r}; there are: {', '.join(STAGES)}")
        if set(self.only or STAGES) <= set(self.skip):
            raise OptionError("no stage is left to run")
        for name in self.force:
            if by := self.left_out_by(name):
                raise OptionError(f"the stage {name} is forced, and {by} leaves it out")
        for name in ("repair", "denoise", "tone", "vivid"):
            strength = getattr(self, name)
            if strength is not None and not 0.0 <= strength <= 1.0:
                raise OptionError(f"{name} is a strength from 0 to 1, not {strength:g}")
        if not 0 <= self.colour_seed < SEEDS:
            raise OptionError(f"a seed is from 0 to {SEEDS - 1}, not {self.colour_seed}")
        if not 0.0 <= self.fidelity <= 1.0:
            raise OptionError(f"fidelity is from 0 to 1, not {self.fidelity:g}")
        for name in self.force:
            if self.strengths[name] == 0.0:
                off = "fidelity 1" if name == "faces" else f"{name} 0"
                raise OptionError(f"the stage {name} is forced, and {off} switches it off")
        times = cast("object", self.upscale)  # an array is not to be asked what it equals
        known = times is None or isinstance(times, str | Integral)
        if not known or times not in (None, "auto", *FACTORS):
            raise OptionError(f"upscale is 2, 4 or auto, not {self.upscale!r}")
        if self.vivid is not None and self.upscale_model is not None:
            raise OptionError("vivid mixes the bundled networks, not one that is named")
        if not self.max_megapixels > 0.0:
            raise OptionError(f"megapixels are more than 0, not {self.max_megapixels:g}")
        if any(number < 1 for number in self.faces):
            raise OptionError(f"faces are numbered from 1, there is no face {min(self.faces)}")
        if self.fill not in FILLS:
            raise OptionError(f"unknown fill {self.fill!r}; there are: {', '.join(FILLS)}")
        if self.mask_mode not in MASK_MODES:
            raise OptionError(
                f"mask mode is one of {', '.join(MASK_MODES)}, not {self.mask_mode!r}"
            )
        if self.mask is not None:
            object.__setattr__(self, "mask", as_mask(self.mask))
        if self.licence not in LICENCES:
            known = " or ".join(LICENCES)
            raise OptionError(f"a licence is {known}, not {self.licence!r}")
        if self.tile_px is not None and self.tile_px < 192:
            raise OptionError(f"tiles are at least 192 px, not {self.tile_px}")
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise OptionError(f"threads are from 1 to {MOST_THREADS}, not {self.threads}")
        self._check_use()

    def _check_types(self) -> None:
        """Where nobody checks types, a wrong one would show only when the photo is half done."""
        for name in ("only", "skip", "force"):
            self._freeze(name, f"{name} is a tuple of stages, as in ('denoise',)")
        self._freeze("faces", "faces are a tuple of numbers, as in (1, 3)")
        self._freeze("hints", "hints are a tuple of ColourHint")
        object.__setattr__(self, "colour_seed", _whole(self.colour_seed, "a seed"))
        for name in ("tile_px", "threads"):
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, _whole(number, name))
        object.__setattr__(self, "faces", tuple(_whole(face, "a face") for face in self.faces))
        for name in ("repair", "denoise", "tone", "vivid", "fidelity", "max_megapixels"):
            number = getattr(self, name)
            if number is None and name in ("denoise", "vivid"):
                continue
            if not isinstance(number, Real) or isinstance(number, bool | np.bool_):
                raise OptionError(f"{name} is a number, not {number!r}")
            try:  # numpy's would end up in the report
                object.__setattr__(self, name, float(number))
            except OverflowError as error:
                raise OptionError(f"{name} is far too large") from error
        for name in ("fill", "mask_mode", "licence"):
            word = getattr(self, name)
            if not isinstance(word, str):
                raise OptionError(f"{name} is a word, not {word!r}")
        for name in ("upscale_model", "face_model"):
            word = getattr(self, name)
            if word is not None and not isinstance(word, str):
                raise OptionError(f"{name} is the name of a network, not {word!r}")
        for name in ("neutral", "colourise"):
            switch = getattr(self, name)
            if not isinstance(switch, bool | np.bool_):
                raise OptionError(f"{name} is True or False, not {switch!r}")
            object.__setattr__(self, name, bool(switch))
        if not all(isinstance(hint, ColourHint) for hint in cast("tuple[object, ...]", self.hints)):
            raise OptionError("hints are of the class ColourHint; ColourHint.parse reads a text")
        for name in ("denoise_model", "tone_model", "colour_model"):
            file = getattr(self, name)
            if isinstance(file, str):
                object.__setattr__(self, name, Path(file))
            elif file is not None and not isinstance(file, Path):
                raise OptionError(f"{name} is a file, not {file!r}")
            if "\0" in str(file):
                raise OptionError(f"{name} is a file, and none can have the name {file!s:.100}")

    def _freeze(self, name: str, words: str) -> None:
        """A list becomes a tuple, which nobody can change afterwards.

        Raises:
            OptionError: it is neither; a text would be taken for its letters.
        """
        given = getattr(self, name)
        if not isinstance(given, tuple | list):
            raise OptionError(f"{words}, not {given!r}")
        object.__setattr__(self, name, tuple(cast("tuple[object, ...]", given)))

    def _check_use(self) -> None:
        """Refuses what would have no effect, so that nobody waits for one.

        Raises:
            OptionUnused: it is for a stage that is left out, or that runs only for the asking.
        """
        on_request = {
            "upscale": (self.enlarges, "needs {upscale} 2, 4 or auto"),
            "colourise": (self.in_colour, "needs {colourise} or {hints}"),
        }
        for stage in OF_STAGES:
            asked, needs = on_request.get(stage, (True, ""))
            if self.strengths[stage] == 0.0:  # switched off twice is no contradiction
                continue
            for name in self._given(stage):
                if by := self.left_out_by(stage):
                    reason = f"has no effect: {{{by}}} leaves the stage {stage} out"
                    raise OptionUnused(name, reason)
                if not asked:
                    raise OptionUnused(name, needs)

    def _given(self, stage: str) -> list[str]:
        """The options of a stage that somebody set."""
        return [name for name in OF_STAGES[stage] if getattr(self, name) != getattr(Options, name)]

    def asks_for(self, stage: str) -> bool:
        """Whether a stage is asked for expressly: by its own name, or by an option of its own."""
        named = stage in (*self.only, *self.force) or bool(self._given(stage))
        return named and self.strengths[stage] != 0.0

    def left_out_by(self, stage: str) -> Literal["skip", "only"] | None:
        """Which option keeps a stage from running; None where none does."""
        if stage in self.skip:
            return "skip"
        return "only" if self.only and stage not in self.only else None

    @property
    def strengths(self) -> dict[str, float | None]:
        """How strongly each stage acts where it does: 0 = switched off, None = nobody said."""
        return {
            "repair": self.repair,
            "denoise": self.denoise,
            # A toned print is made grey by the same stage, whether or not it is to be revived.
            "tone": self.tone or float(self.neutral),
            "upscale": 1.0,
            "faces": 1.0 - self.fidelity,
            "colourise": None,
        }

    @property
    def in_colour(self) -> bool:
        """Whether colours are asked for, in whatever way."""
        named = "colourise" in (*self.only, *self.force)
        return (self.colourise or bool(self.hints) or named) and "colourise" not in self.skip

    @property
    def mask_unused(self) -> str | None:
        """Why a mask would have no effect, for `OptionUnused`; None where it has one.

        Not checked by the options themselves: `restore` may be given the mask apart from them.
        """
        if by := self.left_out_by("repair"):
            return f"has no effect: {{{by}}} leaves the stage repair out"
        return None if self.repair > 0.0 else "has no effect: {repair} 0 switches the repair off"

    @property
    def repairs(self) -> bool:
        """Whether damage may be mended."""
        return self.mask_unused is None

    @property
    def enlarges(self) -> bool:
        """Whether a larger photo is asked for; otherwise the stage has no place in the run."""
        named = "upscale" in (*self.only, *self.force)
        return (self.upscale is not None or named) and "upscale" not in self.skip


def _whole(number: object, name: str) -> int:
    """A whole number as Python has it, numpy's too.

    Raises:
        OptionError: it is none, or so large that nobody can have meant it.
    """
    if not isinstance(number, int | np.integer) or isinstance(number, bool):
        raise OptionError(f"{name} is a whole number, not {number!r}")
    if abs(number) > _FARTHEST:
        raise OptionError(f"{name} is far too large")
    return int(number)


def as_mask(mask: NDArray[np.uint8 | np.bool_ | np.floating]) -> NDArray[np.uint8]:
    """A mask (H, W) as uint8, 255 = damaged.

    Raises:
        OptionError: no array, not two-dimensional, of another type, or of 0 and one other value
            that marks nothing either.
    """
    given = cast("object", mask)
    if not isinstance(given, np.ndarray):
        raise OptionError(f"a mask is an array (height, width), not {type(given).__name__}")
    if mask.ndim != 2:
        raise OptionError(f"a mask has two axes, height and width, not {mask.ndim}")
    if mask.dtype == np.uint8:
        half = 127
    elif mask.dtype == np.bool_ or np.issubdtype(mask.dtype, np.floating):
        half = 0.5
        if mask.size and not (mask.min() >= 0.0 and mask.max() <= 1.0):  # not a number fails too
            raise OptionError("a mask of floating-point values lies in [0, 1]")
    else:
        raise OptionError(f"a mask is uint8, bool or float in [0, 1], not {mask.dtype}")
    brightest = float(mask.max(initial=0))
    # Many dark values are what a brush leaves where its marks were wiped away.
    if 0 < brightest <= half and np.all((mask == 0) | (mask == brightest)):
        raise OptionError(
            f"the mask marks nothing: its largest value is {brightest:g}, "
            f"and damaged is above {half:g}"
        )
    return (mask > half).astype(np.uint8) * np.uint8(255)
