"""What the headers of PNG and JPEG state, true or not."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from PIL import Image

import making_photos as made
from resilver.photo import Photo


def png_with(kind: bytes, data: bytes, *, after: bytes = b"IHDR", **options: object) -> bytes:
    """A PNG with one more chunk behind another."""
    whole = made.pillow_bytes(Image.fromarray(made.picture()), "PNG", **options)
    at = whole.index(after) - 4
    stop = at + 12 + int.from_bytes(whole[at : at + 4], "big")
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return whole[:stop] + len(data).to_bytes(4, "big") + kind + data + check + whole[stop:]


@pytest.mark.parametrize("dots_per_m", [0, 2**31 - 1, 4_000_000])
def test_png_of_a_resolution_that_no_scanner_has(tmp_path: Path, dots_per_m: int) -> None:
    physical = dots_per_m.to_bytes(4, "big") * 2 + b"\1"
    opened = made.opened(tmp_path / "a.png", png_with(b"pHYs", physical))
    assert opened.metadata.dpi is None
    for suffix in made.EVERY_SUFFIX:
        opened.save(tmp_path / f"b{suffix}", software=made.SOFTWARE)


def test_highest_resolution_can_be_saved_of_an_enlarged_photo(tmp_path: Path) -> None:
    physical = (3_900_000).to_bytes(4, "big") * 2 + b"\1"
    opened = made.opened(tmp_path / "a.png", png_with(b"pHYs", physical))
    assert opened.metadata.dpi == (99_060.0, 99_060.0)
    larger = opened.evolve(metadata=opened.metadata.with_dpi_times(8))
    for suffix in made.EVERY_SUFFIX:
        larger.save(tmp_path / f"b{suffix}", software=made.SOFTWARE)
    dpi = Photo.open(tmp_path / "b.tif").metadata.dpi
    assert dpi is None  # the most that a TIFF can state is again more than any scanner has
