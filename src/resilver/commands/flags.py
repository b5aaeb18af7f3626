"""Every option of the command line; imported with it, so nothing heavy here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_FILES, _STAGES, _MACHINE = "Files", "What is done", "Machine"

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATHS",
        help="Photos, and folders of photos.",
        show_default=False,
        readable=False,  # one that cannot be read is told by name, and the others are restored
    ),
]
Input = Annotated[
    list[Path] | None,
    typer.Option(
        "-i",
        "--input",
        metavar="PATH",
        help="Same as PATHS.",
        rich_help_panel=_FILES,
        readable=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Where results go; sub-folders are kept. It must not lie inside a folder of PATHS.",
        show_default="beside each photo",
        rich_help_panel=_FILES,
    ),
]
Suffix = Annotated[
    str, typer.Option(metavar="TEXT", help="Put after the name.", rich_help_panel=_FILES)
]
Ext = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="Write results as jpg, png, tif, webp, avif or heic.",
        show_default="as the photo; RAW as tif",
        rich_help_panel=_FILES,
    ),
]
Reports = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="html|json",
        help="Write a report beside each result; repeat or separate by commas.",
        rich_help_panel=_FILES,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print what would be done, write nothing.", rich_help_panel=_FILES
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that are there.", rich_help_panel=_FILES),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Show errors only.", rich_help_panel=_FILES)
]
MaxMegapixels = Annotated[
    float,
    typer.Option(
        min=0.001, metavar="N", help="Refuse photos larger than this.", rich_help_panel=_FILES
    ),
]

Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STAGE",
        help="Run these stages only; repeat or separate by commas.",
        rich_help_panel=_STAGES,
    ),
]
Skip = Annotated[
    list[str] | None,
    typer.Option(metavar="STAGE", help="Leave these stages out.", rich_help_panel=_STAGES),
]
Force = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STAGE",
        help="Let these stages act whatever they find.",
        rich_help_panel=_STAGES,
    ),
]
Repair = Annotated[
    float,
    typer.Option(
        min=0, max=1, metavar="0..1", help="Strength of the repair.", rich_help_panel=_STAGES
    ),
]
Denoise = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="0..1",
        help="Strength of denoising, whatever is measured.",
        show_default="the measured noise decides",
        rich_help_panel=_STAGES,
    ),
]
Tone = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        metavar="0..1",
        help="Strength of reviving faded tones and colours.",
        rich_help_panel=_STAGES,
    ),
]
Neutral = Annotated[
    bool,
    typer.Option(
        "--neutral",
        help="Take away the tone of a sepia or otherwise toned print.",
        rich_help_panel=_STAGES,
    ),
]
Colourise = Annotated[
    bool,
    typer.Option(
        "--colourise",
        help="Give black and white photos likely colours; every one is a guess.",
        rich_help_panel=_STAGES,
    ),
]
Hints = Annotated[
    list[str] | None,
    typer.Option(
        "--hint",
        metavar="X,Y,#RRGGBB",
        help="What colour a place has, in pixels from the left and the top; colours by it. Repeat "
        "for more; they go for every photo of the run.",
        rich_help_panel=_STAGES,
    ),
]
Variants = Annotated[
    int,
    typer.Option(
        min=1,
        max=20,
        metavar="N",
        help="With --colourise or --hint: write so many colourings to choose from, each named by "
        "its seed.",
        rich_help_panel=_STAGES,
    ),
]
ColourSeed = Annotated[
    int,
    typer.Option(
        min=0,
        max=(1 << 32) - 1,
        metavar="N",
        help="With --colourise or --hint: 0 for the likeliest colours, else another likely choice.",
        rich_help_panel=_STAGES,
    ),
]
ColourModel = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights from `resilver train colourise`.",
        show_default="the bundled ones",
        rich_help_panel=_STAGES,
    ),
]
Fill = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="learned, telea, navier-stokes, biharmonic or patchmatch.",
        rich_help_panel=_STAGES,
    ),
]
Upscale = Annotated[
    Literal["2", "4", "auto"] | None,
    typer.Option(
        help="Make the photo so many times larger; 'auto' does if it is tiny, under 800 px.",
        show_default="as large as it is",
        rich_help_panel=_STAGES,
    ),
]
Vivid = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="0..1",
        help="Of --upscale: 0 keeps to the pixels, 1 draws detail that may have been there.",
        show_default="in between",
        rich_help_panel=_STAGES,
    ),
]
UpscaleModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Network that enlarges, as `resilver models list` shows it.",
        show_default="the bundled ones",
        rich_help_panel=_STAGES,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Damage painted by hand: white on black, of the photo's size.",
        rich_help_panel=_STAGES,
    ),
]
MaskMode = Annotated[
    Literal["add", "replace", "subtract"],
    typer.Option(
        help="Add the mask to what is found, use it instead, or take it away.",
        rich_help_panel=_STAGES,
    ),
]
DenoiseModel = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Weights from `resilver learn-noise`.", rich_help_panel=_STAGES
    ),
]
ToneModel = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights from `resilver train tone`.",
        show_default="the bundled ones",
        rich_help_panel=_STAGES,
    ),
]
Faces = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N",
        help="Restore these faces only, numbered from left to right as `diagnose` and the report "
        "show them; repeat or separate by commas.",
        rich_help_panel=_STAGES,
    ),
]
Fidelity = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        metavar="0..1",
        help="How near restored faces stay to the scan: 0 as restored, 1 as they came.",
        rich_help_panel=_STAGES,
    ),
]
FaceModel = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Network that restores faces, as `resilver models list` shows it.",
        show_default="the bundled one",
        rich_help_panel=_STAGES,
    ),
]
Licence = Annotated[
    Literal["any", "clean"],
    typer.Option(
        help="'clean' leaves out networks that are not free for any use.",
        rich_help_panel=_STAGES,
    ),
]

Tile = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        help="Side of a tile.",
        show_default="by the photo, 512 to 1024",
        rich_help_panel=_MACHINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,  # more are no help to anybody, and many more take the machine down
        metavar="N",
        help="Threads of a network.",
        show_default="all cores",
        rich_help_panel=_MACHINE,
    ),
]

Minutes = Annotated[float, typer.Option(min=0.01, metavar="M", help="How long to train.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="The same seed does the same again.")]

AsName = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="What to call it.", show_default="its own name"),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a network of the same name.")]
