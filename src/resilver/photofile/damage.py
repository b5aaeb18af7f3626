"""Damage inside a file that its decoder notices and passes over.

libjpeg goes on after damage with a warning, and so does libtiff's decoder of JPEG. A decoder that
is told to stop at warnings stops at harmless ones as well; here the two are told apart.

Reference: libjpeg's jerror.h for what it says.
"""

from __future__ import annotations

import re

from resilver.photofile.tiff_tags import TiffTags

DAMAGED = "part of the file seems damaged: what is wrong in the picture cannot be told"

# Not among them: odd version numbers, and bytes too many before a segment of the header or before
# the end (0xd9), which some cameras leave there.
_OF_PIXELS = re.compile(
    "premature end of data segment|bad huffman code|bad arithmetic code|instead of rst"
    "|inconsistent progression"
    "|extraneous bytes before marker 0x(?!c[0-2]|d[9b]|e|fe)"
)


def warns_of_damage(name: str, tags: TiffTags | None) -> bool:
    """Whether warnings of the decoder can mean damage to the pixels of a file of this format."""
    return name == "jpeg" or (tags is not None and (tags.tiled or tags.as_jpeg))


def tells_damage(error: Exception, tags: TiffTags | None) -> bool:
    """Whether what stopped a decoder that was told to stop at warnings is damage to the pixels.

    Args:
        error: as libvips raised it.
        tags: of a TIFF; None of a JPEG.
    """
    said = str(error).lower()
    if tags is None:
        return _OF_PIXELS.search(said) is not None
    # Warnings of libtiff have no words here: of the pixels in a JPEG, of the header elsewhere.
    return tags.as_jpeg or "tiff2vips" in said
