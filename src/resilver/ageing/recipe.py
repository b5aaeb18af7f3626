"""What ageing does how often: every probability and range in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resilver.errors import OptionError


@dataclass(frozen=True)
class AgeingRecipe:
    """Probabilities (0..1) and ranges of every effect of `age`.

    Raises:
        OptionError: a probability outside [0, 1], or a range that is upside down.
    """

    no_damage: float = 0.15  # share of photos without structural damage
    single_kind: float = 0.30  # share of photos with one kind of damage only
    kind_weights: tuple[float, float, float, float] = (0.85, 0.5, 0.7, 0.75)  # of each kind else
    density: float = 1.0  # multiplies the number of marks
    marks_per_area: tuple[float, float, float, float] = (2.0, 0.5, 1.0, 1.6)  # per 256x256 px
    boldness: tuple[float, float] = (2.0, 8.0)  # per print: 1 leaves faint marks faint
    size: tuple[float, float] = (1.0, 1.0)  # multiplies every size of damage; drawn per print
    effects: tuple[str, ...] = ()  # only these effects by name; empty: all
    overlays: float = 0.35  # share of marks taken from the caller's overlays of that kind
    early_damage: float = 0.25  # share of photos damaged before the print faded (negative, plate)

    border: float = 0.06  # share of prints with a paper or dark border (no damage: in `clean` too)
    exposure: float = 0.0  # printed too dark, too light or on hard paper (in `clean` too)
    monochrome: float = 0.60  # printed without colour
    tint: float = 0.60  # of monochrome prints: toned (sepia, selenium, cool, warm)
    lens_blur: float = 0.35
    lens_sigma_px: tuple[float, float] = (0.4, 2.0)
    motion_blur: float = 0.06
    low_resolution: float = 0.15
    low_resolution_factor: tuple[float, float] = (1.3, 3.0)
    grain: float = 0.75
    grain_sigma: tuple[float, float] = (0.01, 0.10)
    coarse_grain: float = 0.0  # of grainy prints: with grains of 1.5 to 3 px
    paper: float = 0.25  # paper texture
    halftone: float = 0.05  # printed in dots
    fading: float = 0.55
    fading_strength: tuple[float, float] = (0.1, 1.0)
    cast: float = 0.30
    cast_strength: tuple[float, float] = (0.02, 0.13)
    uneven: float = 0.35  # uneven light or edges darker or paler than the middle
    scan_blur: float = 0.5
    scan_sigma_px: tuple[float, float] = (0.25, 0.9)
    scan_noise: float = 0.5
    scan_noise_sigma: tuple[float, float] = (0.002, 0.015)
    jpeg: float = 0.75
    jpeg_quality: tuple[int, int] = (60, 98)

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"ageing: {name} is a probability, not {getattr(self, name)}")
        for name in _RANGES:
            low, high = getattr(self, name)
            if low > high or low < 0:
                raise OptionError(f"ageing: {name} is a range (low, high), not {(low, high)}")
        if min(self.boldness[0], self.size[0]) <= 0:
            raise OptionError("ageing: boldness and size are more than 0")
        if self.density < 0 or min(self.kind_weights) < 0 or min(self.marks_per_area) < 0:
            raise OptionError("ageing: density and weights are not negative")

    @classmethod
    def light(cls) -> AgeingRecipe:
        """A print kept well: few marks, mild fading."""
        return cls(
            no_damage=0.2,
            density=0.4,
            boldness=(1.0, 1.5),
            grain_sigma=(0.005, 0.05),
            fading_strength=(0.1, 0.5),
            cast_strength=(0.02, 0.08),
            low_resolution=0.05,
            halftone=0.0,
        )

    @classmethod
    def heavy(cls) -> AgeingRecipe:
        """A print kept badly: all kinds of damage, many marks, strong fading."""
        return cls(
            no_damage=0.02,
            single_kind=0.08,
            kind_weights=(0.95, 0.7, 0.85, 0.9),
            density=2.0,
            fading=0.8,
            cast=0.5,
        )

    @classmethod
    def demo(cls, sepia: bool = False) -> AgeingRecipe:
        """What a family print of the sixties looks like today; for showing, not for training.

        Args:
            sepia: a toned black and white print instead of a colour one.
        """
        return cls(
            effects=("ragged_crease", "crease", "scratch_line", "branching_crack",
                     "torn_corner", "specks", "sprinkle", "blotch", "tide_line", "foxing"),
            boldness=(1.0, 1.0), marks_per_area=(1.2, 0.2, 0.3, 0.8), no_damage=0, single_kind=0,
            early_damage=0,
            border=0, overlays=0,
            monochrome=1.0 if sepia else 0.0, tint=1.0, lens_blur=0.0, motion_blur=0,
            low_resolution=0, grain=1, grain_sigma=(0.02, 0.035), paper=0, halftone=0,
            fading=1, fading_strength=(0.5, 0.7), cast=0, uneven=0,
            scan_blur=1, scan_sigma_px=(0.3, 0.5), jpeg=1, jpeg_quality=(88, 95),
        )  # fmt: skip

    @classmethod
    def without_damage(cls) -> AgeingRecipe:
        """Fading, grain and scan only: nothing structural."""
        return cls(no_damage=1.0)

    @classmethod
    def pristine(cls) -> AgeingRecipe:
        """Structural damage on an otherwise untouched photo."""
        return cls(
            border=0, monochrome=0, lens_blur=0, motion_blur=0, low_resolution=0, grain=0, paper=0,
            halftone=0, fading=0, cast=0, uneven=0, scan_blur=0, scan_noise=0, jpeg=0,
        )  # fmt: skip

    def only(self, *effects: str) -> AgeingRecipe:
        """The same recipe with these structural effects and no others, always present.

        Raises:
            OptionError: an effect that does not exist (checked when the photo is aged).
        """
        return replace(self, effects=effects, no_damage=0.0, single_kind=0.0, overlays=0.0)


_SHARES = (
    "no_damage", "single_kind", "overlays", "early_damage", "border", "exposure", "monochrome",
    "tint", "lens_blur", "motion_blur", "low_resolution", "grain", "coarse_grain", "paper",
    "halftone", "fading", "cast", "uneven", "scan_blur", "scan_noise", "jpeg",
)  # fmt: skip
_RANGES = (
    "lens_sigma_px", "low_resolution_factor", "grain_sigma", "fading_strength", "cast_strength",
    "scan_sigma_px", "scan_noise_sigma", "jpeg_quality", "boldness", "size",
)  # fmt: skip
