"""Any photo file -> Scan: pixels in sRGB, what they were before, and what the file says."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resilver.errors import (
    PhotoDenied,
    PhotoMissing,
    PhotoTooLarge,
    PhotoUnreadable,
)
from resilver.photofile.copying import StoredPicture
from resilver.photofile.formats import recognise_format
from resilver.photofile.metadata import Metadata
from resilver.photofile.vips_runtime import Samples

HEAD_BYTES = 512


@dataclass(frozen=True, eq=False)
class Scan:
    """What one file held."""

    pixels: Samples  # (H, W, 3) sRGB, upright
    alpha: Samples | None  # (H, W), straight, same dtype as pixels
    grey: bool  # one colour channel in the file
    profile: bytes | None  # the ICC profile to save in
    metadata: Metadata
    bit_depth: int  # 8 or 16
    format: str
    notices: tuple[str, ...]
    stored: StoredPicture | None = None  # where a result may copy the picture
    lossless: bool = False  # compressed without loss, in a format that can do either


def read_scan(path: Path, max_megapixels: float) -> Scan:
    """Read a photo file of any format that `recognise_format` knows.

    Raises:
        PhotoError: of the kind that says what is wrong with the file.
    """
    with opened(path) as descriptor:
        head = os.read(descriptor, HEAD_BYTES)
        os.lseek(descriptor, 0, os.SEEK_SET)
        name = recognise_format(path, head)
        try:
            return _read_as(name, path, descriptor, max_megapixels)
        except MemoryError as error:
            raise PhotoTooLarge(path, "there is not enough memory to open it") from error


def _read_as(name: str, path: Path, descriptor: int, max_megapixels: float) -> Scan:
    # pillow-heif and rawpy take time to import and are needed for their own formats only.
    if name == "tiff":
        from resilver.photofile.tiff_tags import is_dng  # noqa: PLC0415

        name = "raw" if is_dng(descriptor) else name
    if name == "heic":
        from resilver.photofile.heic import read_heic  # noqa: PLC0415

        return read_heic(path, descriptor, max_megapixels)
    if name == "raw":
        from resilver.photofile.camera_raw import read_raw  # noqa: PLC0415

        return read_raw(path, descriptor, max_megapixels)
    from resilver.photofile.vips_reading import read_with_vips  # noqa: PLC0415

    return read_with_vips(path, descriptor, name, max_megapixels)


@contextmanager
def opened(path: Path) -> Generator[int]:
    """A descriptor of a regular file with something in it."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoUnreadable(path, "this is a folder, not a photo")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoUnreadable(path, "this is not a file")
        if status.st_size == 0:
            raise PhotoUnreadable(path, "the file is empty")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoMissing(path, "no such file") from error
    except PermissionError as error:
        raise PhotoDenied(path, "no permission to read it") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        words = (error.strerror if isinstance(error, OSError) else None) or "unusable file name"
        raise PhotoUnreadable(path, f"it cannot be opened ({words})") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def check_size(path: Path, size: tuple[int, int], max_megapixels: float) -> None:
    """Refuse a photo of more than `max_megapixels`, before anything is decoded.

    Args:
        size: (height, width) as the header claims.

    Raises:
        PhotoTooLarge: names the limit.
    """
    megapixels = size[0] * size[1] / 1e6
    if not megapixels <= max_megapixels:  # nor is it within a limit that is no number
        raise PhotoTooLarge(
            path,
            f"{size[1]} x {size[0]} is {megapixels:.4g} megapixels, more than the limit of "
            f"{max_megapixels:g}",
            limited=True,
        )
