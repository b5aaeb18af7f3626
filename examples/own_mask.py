"""Restores one photo with a mask of your own: here, everything paler than paper should be.

    python examples/own_mask.py portrait.png portrait_restored.png --paler-than 250

Any way of making a mask will do (a brush, another program, a rule that fits your scans): an array
(height, width) of uint8, above 127 where the photo is damaged.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver import Options, Photo, restore


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--paler-than", type=int, default=250, help="grey level of 255")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} is there already")

    mask = find_pale(Photo.open(given.photo), given.paler_than)
    # "replace": this mask alone. "add" and "subtract" work with what is found as well.
    options = Options(only=("repair",), mask_mode="replace")
    restored, report = restore(given.photo, options, mask=mask)
    restored.save(given.out)
    print(f"marked {(mask > 0).mean():.2%}, made up {report.invented_share:.2%}: {given.out}")


def find_pale(photo: Photo, level_255: int) -> NDArray[np.uint8]:
    """(H, W) uint8, 255 where every colour is at least `level_255`; lone pixels left out."""
    darkest = photo.pixels.min(axis=2).astype(np.float32)
    darkest *= 255.0 / np.iinfo(photo.pixels.dtype).max  # 8 or 16 bits, the same scale
    pale = (darkest >= level_255).astype(np.uint8) * np.uint8(255)
    return cv2.morphologyEx(pale, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)).astype(np.uint8)


if __name__ == "__main__":
    main()
