"""Test suites: folders of photos, with the truth beside them where there is one.

The folders are described in the README of the shared data; the caller says where they lie. Photos
are read when they are asked for, and not kept.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS
from resilver.errors import PhotoMissing, PhotoUnreadable

PICTURE_SUFFIXES = (".webp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
# The mask files' bits are in another order than ours.
_AGED_BITS = {"scratch": 1, "stain": 2, "dust": 4, "missing": 8}


@dataclass(frozen=True)
class SuitePhoto:
    """One photo of a suite."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self.path.stem

    def read_u8(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            PhotoMissing, PhotoUnreadable
        """
        return _read(self.path, cv2.IMREAD_COLOR_RGB)

    def read(self) -> NDArray[np.float32]:
        """(H, W, 3) float32 RGB in [0, 1]; errors as `read_u8`."""
        return self.read_u8().astype(np.float32) * np.float32(1.0 / 255.0)


@dataclass(frozen=True)
class AgedPrint:
    """One print of the suite `aged`: as found, without its damage, and where the damage is."""

    name: str
    aged: SuitePhoto  # the damaged print
    intact: SuitePhoto  # the same print and scan without structural damage
    clean: SuitePhoto  # the photo before any ageing, with the tint of a monochrome print
    mask: Path
    monochrome: bool
    faded: bool

    def read_masks(self) -> NDArray[np.bool_]:
        """(H, W, 4): True = damaged by this kind, in the order of `resilver.ageing.KINDS`.

        Raises:
            PhotoMissing, PhotoUnreadable
        """
        bits = _read(self.mask, cv2.IMREAD_UNCHANGED)
        return np.stack([(bits & np.uint8(_AGED_BITS[kind])) != 0 for kind in KINDS], axis=-1)


def read_photos(folder: Path) -> tuple[SuitePhoto, ...]:
    """Every picture in a folder (`clean`, `kodak`, `old`, ...), in the order of names.

    Raises:
        PhotoMissing: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise PhotoMissing(folder, "no such folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise PhotoMissing(folder, "no pictures in this folder")
    return tuple(SuitePhoto(path) for path in paths)


def read_aged(folder: Path) -> tuple[AgedPrint, ...]:
    """The prints that a folder's `index.csv` lists, in its order.

    Raises:
        PhotoMissing: no index in this folder.
        PhotoUnreadable: the index is not in UTF-8, or has not the columns `id`, `mono`, `faded`.
    """
    index = folder / "index.csv"
    try:
        lines = index.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise PhotoMissing(index, "no such file") from error
    except UnicodeDecodeError as error:
        raise PhotoUnreadable(index, "it is not in UTF-8") from error
    try:
        return tuple(_aged_print(folder, row) for row in csv.DictReader(lines))
    except KeyError as error:
        raise PhotoUnreadable(index, f"has no column {error}") from error


def spread(count: int, wanted: int | None) -> list[int]:
    """Up to `wanted` indexes out of `count`, evenly spread; all of them for None."""
    if wanted is None or wanted >= count:
        return list(range(count))
    return [int(index) for index in np.linspace(0, count - 1, max(wanted, 1)).round()]


def _aged_print(folder: Path, row: dict[str, str]) -> AgedPrint:
    name = row["id"]
    return AgedPrint(
        name=name,
        aged=SuitePhoto(folder / f"{name}_aged.jpg"),
        intact=SuitePhoto(folder / f"{name}_intact.webp"),
        clean=SuitePhoto(folder / f"{name}_clean.webp"),
        mask=folder / f"{name}_mask.png",
        monochrome=row["mono"] == "1",
        faded=row["faded"] == "1",
    )


def _read(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise PhotoMissing(path, "no such file") from error
    picture = cv2.imdecode(data, flags) if data.size else None
    if picture is None or picture.dtype != np.uint8:
        raise PhotoUnreadable(path, "not an 8-bit picture")
    return np.asarray(picture, np.uint8)
