"""What a file claims to be, by its header alone: nothing is decoded."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from resilver.errors import PhotoError, PhotoUnreadable
from resilver.photofile.formats import recognise_format
from resilver.photofile.reading import HEAD_BYTES, opened

# pillow-heif takes the whole file into memory for its header alone; so one at a time.
_WHOLE_FILE = threading.Lock()


@dataclass(frozen=True)
class Header:
    """What stands in a header, true or not."""

    format: str  # "jpeg", "tiff", "raw", ...
    size: tuple[int, int]  # (height, width) as stored, before any turning

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6


def read_header(path: Path) -> Header:
    """Reads the header of a photo file.

    The size is what decoding would make room for, so a file can be refused before it is opened.
    Of the file no more than its header is held in memory; of HEIC all, but of one file at a time.

    Raises:
        PhotoError: no file, no image, or a header that cannot be read.
    """
    with opened(path) as descriptor:
        head = os.read(descriptor, HEAD_BYTES)
        os.lseek(descriptor, 0, os.SEEK_SET)
        name = recognise_format(path, head)
        if name == "tiff":
            from resilver.photofile.tiff_tags import is_dng  # noqa: PLC0415

            name = "raw" if is_dng(descriptor) else name
        try:
            size = _size_as(name, path, descriptor)
        except PhotoError:
            raise
        except Exception as error:  # every library has errors of its own for a damaged header
            raise PhotoUnreadable(path, f"the {name.upper()} header is damaged") from error
    if min(size) < 1:
        raise PhotoUnreadable(path, f"the {name.upper()} header is damaged")
    return Header(name, size)


def _size_as(name: str, path: Path, descriptor: int) -> tuple[int, int]:
    if name == "raw":
        import rawpy  # noqa: PLC0415

        with rawpy.RawPy() as raw:
            raw.open_file(str(path))  # not a buffer: from a file LibRaw reads what it needs
            return raw.sizes.height, raw.sizes.width
    if name == "heic":
        import pillow_heif  # noqa: PLC0415

        with _WHOLE_FILE, os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            width, height = pillow_heif.open_heif(file).size
            return height, width
    from resilver.photofile.vips_reading import stored_size  # noqa: PLC0415

    return stored_size(descriptor, name)
