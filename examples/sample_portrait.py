"""Ages a portrait that may be shown (NASA's, in scikit-image), restores it, says what was found.

    python examples/sample_portrait.py --out restored/sample

The portrait is restored twice: as resilver finds the damage by itself (portrait_restored.png, with
portrait_report.html), and with the damage marked by hand, a mask (portrait_by_mask_restored.png,
with portrait_by_mask_report.html). Since it is aged here, the truth is known: the printed figures
are measured against it. Files of these names in the folder are replaced.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from skimage.data import astronaut

from resilver import Options, Photo, restore
from resilver.ageing import Aged, AgeingRecipe, age
from resilver.imaging.measures import psnr, ssim
from resilver.reporting import to_html, to_table

SEED = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("restored/sample"), help="folder for the results"
    )
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)

    aged = age(astronaut(), SEED, AgeingRecipe.demo())
    before = Photo.from_array(np.rint(aged.photo * 255).astype(np.uint8))
    before.save(folder / "portrait.png", overwrite=True)
    mask = np.where(aged.masks.any(axis=2), 255, 0).astype(np.uint8)
    Photo.from_array(mask).save(folder / "portrait_mask.png", overwrite=True)

    by_hand = Options(mask=mask, mask_mode="replace")

    console = Console()
    written = [folder / "portrait.png", folder / "portrait_mask.png"]
    for name, how, options in (
        ("portrait", "by itself", Options()),
        ("portrait_by_mask", "with the damage marked by hand", by_hand),
    ):
        console.rule(f"restored {how}")
        after, report = restore(folder / "portrait.png", options)
        # Named as the command line names them.
        result, page = folder / f"{name}_restored.png", folder / f"{name}_report.html"
        after.save(result, overwrite=True)
        page.write_text(to_html(report), "utf-8")
        written += [result, page]
        console.print(to_table(report))
        tell_improvement(console, aged, after)
    for path in written:
        console.print(f"written: {path}", soft_wrap=True)


def tell_improvement(console: Console, aged: Aged, after: Photo) -> None:
    """How much nearer the result is to the portrait as it was, inside the damage and as a whole."""
    restored = after.tile_float(slice(None), slice(None))
    damaged = aged.masks.any(axis=2)
    inside = psnr(aged.photo, aged.intact, damaged), psnr(restored, aged.intact, damaged)
    whole = ssim(aged.photo, aged.clean), ssim(restored, aged.clean)
    console.print(
        f"inside the damage: {inside[0]:.1f} dB before, {inside[1]:.1f} dB after "
        "(against the print without damage)"
    )
    console.print(
        f"whole photo: SSIM {whole[0]:.3f} before, {whole[1]:.3f} after "
        "(against the photo before ageing; fading is not undone)"
    )


if __name__ == "__main__":
    main()
