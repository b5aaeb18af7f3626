"""Camera RAW through rawpy (LibRaw), reading only."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import rawpy

from resilver.errors import PhotoError, PhotoUnreadable
from resilver.photofile.colour_profile import builtin_profile
from resilver.photofile.metadata import checked_metadata
from resilver.photofile.orientation import Turn
from resilver.photofile.reading import Scan, check_size
from resilver.photofile.tiff_tags import read_tiff_tags
from resilver.photofile.vips_runtime import Samples

_SRGB_GAMMA = (2.4, 12.92)  # IEC 61966-2-1: exponent, slope near black
# LibRaw brightens until this share of pixels is white. Its default of 1 % costs the sky.
_CLIPPED_SHARE = 0.001
EXIF_OF_FLIP = {1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}  # of Exif, by LibRaw's own number


def read_raw(path: Path, descriptor: int, max_megapixels: float) -> Scan:
    """Develop one RAW file: camera white balance, sRGB, 16 bits, upright.

    EXIF, XMP and IPTC come along from RAW files with a TIFF structure (DNG, NEF, CR2, ARW, ORF,
    RW2, PEF); others (CR3, RAF, X3F) come without.
    """
    tags = read_tiff_tags(descriptor)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        content = io.BytesIO(file.read())
    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(content)
            check_size(path, (raw.sizes.height, raw.sizes.width), max_megapixels)
            flip = raw.sizes.flip
            raw.unpack()
            pixels: Samples = raw.postprocess(
                use_camera_wb=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=_SRGB_GAMMA,
                auto_bright_thr=_CLIPPED_SHARE,
            )
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # LibRaw's own errors, and numpy's where sizes contradict each other
        reason = "the camera RAW data is damaged or of an unknown model"
        raise PhotoUnreadable(path, reason) from error
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or pixels.dtype != np.uint16:
        raise PhotoUnreadable(path, "the camera RAW data holds no colour picture")
    metadata, notices = checked_metadata(exif=tags.exif, xmp=tags.xmp, iptc=tags.iptc, dpi=tags.dpi)
    turn = Turn.of(EXIF_OF_FLIP.get(flip, 1))
    metadata = metadata.turned(turn, turn.stored_size(pixels.shape[:2]))
    return Scan(
        pixels=np.ascontiguousarray(pixels),
        alpha=None,
        grey=False,
        profile=builtin_profile("srgb"),
        metadata=metadata,
        bit_depth=16,
        format="raw",
        notices=notices,
    )
