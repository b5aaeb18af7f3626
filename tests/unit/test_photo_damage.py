"""Files damaged where their decoder goes on: refused, or opened with a word about it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

import making_photos as made
from resilver.errors import PhotoUnreadable
from resilver.photo import Photo
from resilver.photofile.damage import DAMAGED

TILE_PX = 64


def tiled_tiff(pixels: np.ndarray, *, deflate: bool = False) -> bytes:
    """A TIFF of tiles, its directory before them, so that a cut takes pixels only."""
    height, width, channels = pixels.shape
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    padded = np.pad(pixels, ((0, rows * TILE_PX - height), (0, columns * TILE_PX - width), (0, 0)))
    grid = padded.reshape(rows, TILE_PX, columns, TILE_PX, channels).swapaxes(1, 2)
    tiles = [tile.tobytes() for tile in grid.reshape(-1, TILE_PX, TILE_PX, channels)]
    if deflate:
        tiles = [zlib.compress(tile) for tile in tiles]

    def head(start: int) -> bytes:
        lengths = [len(tile) for tile in tiles]
        starts = [start + sum(lengths[:i]) for i in range(len(lengths))]
        bits = pixels.dtype.itemsize * 8
        entries: list[made.Entry] = [
            (256, 4, 1, struct.pack("<I", width)),
            (257, 4, 1, struct.pack("<I", height)),
            (258, 3, channels, struct.pack("<H", bits) * channels),
            (259, 3, 1, struct.pack("<H", 8 if deflate else 1)),
            (262, 3, 1, struct.pack("<H", 2)),
            (277, 3, 1, struct.pack("<H", channels)),
            (322, 4, 1, struct.pack("<I", TILE_PX)),
            (323, 4, 1, struct.pack("<I", TILE_PX)),
            (324, 4, len(tiles), struct.pack(f"<{len(tiles)}I", *starts)),
            (325, 4, len(tiles), struct.pack(f"<{len(tiles)}I", *lengths)),
        ]
        return b"II*\0\x08\0\0\0" + made.directory("<", entries, 8)

    return head(len(head(0))) + b"".join(tiles)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiled_tiff_that_was_cut_off(tmp_path: Path, dtype: type, deflate: bool) -> None:
    pixels = made.picture(200, 150).astype(dtype)
    whole = tiled_tiff(pixels, deflate=deflate)
    opened = made.opened(tmp_path / "whole.tif", whole)
    assert np.array_equal(opened.pixels, pixels)
    assert opened.notices == ()
    for share in (0.95, 0.75, 0.5, 0.3):
        with pytest.raises(PhotoUnreadable, match="the TIFF file is truncated or damaged"):
            made.opened(tmp_path / "cut.tif", whole[: int(len(whole) * share)])


def test_tile_that_is_damaged_inside_is_told(tmp_path: Path) -> None:
    whole = tiled_tiff(made.picture(200, 150), deflate=True)
    noise = np.random.default_rng(0).integers(0, 256, 300, dtype=np.uint8).tobytes()
    at = len(whole) // 3
    opened = made.opened(tmp_path / "a.tif", whole[:at] + noise + whole[at + 300 :])
    assert opened.notices == (DAMAGED,)
    assert opened.size == (200, 150)


@pytest.mark.parametrize(
    "odd",
    [
        (65000, 2, 6, b"abcde\0"),  # a private tag
        (270, 2, 4, b"abcd"),  # a text without its closing zero
        (34675, 7, 8, b"no ICC.."),
        (34665, 4, 1, struct.pack("<I", 999_999)),  # EXIF outside the file
    ],
)
def test_odd_tags_of_scanners_are_no_damage(tmp_path: Path, odd: made.Entry) -> None:
    """libtiff warns of them."""
    opened = made.opened(tmp_path / "a.tif", made.tiff_of(made.picture(), 2, extra=[odd]))
    assert np.array_equal(opened.pixels, made.picture())
    assert DAMAGED not in opened.notices


def jpeg(**options: object) -> bytes:
    grain = np.random.default_rng(0).normal(0, 4, (240, 320, 3))
    pixels = np.clip(made.picture(240, 320) + grain, 0, 255).astype(np.uint8)
    return made.pillow_bytes(Image.fromarray(pixels), "JPEG", quality=90, **options)


def zeroed(content: bytes, share: float = 0.5) -> bytes:
    at = int(len(content) * share)
    return content[:at] + bytes(300) + content[at + 300 :]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 8}])
def test_jpeg_that_is_damaged_inside_is_told(tmp_path: Path, options: dict[str, object]) -> None:
    whole = jpeg(**options)
    assert made.opened(tmp_path / "whole.jpg", whole).notices == ()
    damaged = made.opened(tmp_path / "damaged.jpg", zeroed(whole))
    assert damaged.notices == (DAMAGED,)
    assert damaged.size == (240, 320)


def test_odd_jpegs_of_cameras_are_no_damage(tmp_path: Path) -> None:
    """libjpeg warns of them."""
    for options in ({}, {"progressive": True}):
        whole = jpeg(**options)
        for odd in (
            whole[:-2] + bytes(30) + whole[-2:],  # before the end
            whole + bytes(100),  # behind it
            whole[:11] + b"\x02" + whole[12:],  # JFIF 2
            whole[:20] + bytes(7) + whole[20:],  # between two segments of the header
        ):
            opened = made.opened(tmp_path / "odd.jpg", odd)
            assert opened.notices == ()
            assert np.array_equal(opened.pixels, made.opened(tmp_path / "a.jpg", whole).pixels)


def test_sound_jpeg_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    loads: list[object] = []
    real = pyvips.Image.write_to_memory

    def counted(image: pyvips.Image) -> object:
        loads.append(image)
        return real(image)

    monkeypatch.setattr(pyvips.Image, "write_to_memory", counted)
    Photo.open(tmp_path / "a.jpg")
    assert len(loads) == 1


def test_jpeg_inside_a_tiff_that_is_damaged_is_told(tmp_path: Path) -> None:
    """In strips; of tiles libvips says nothing."""
    pixels = pyvips.Image.new_from_array(made.picture(300, 300), interpretation="srgb")
    whole = pixels.tiffsave_buffer(compression="jpeg", Q=95)
    assert made.opened(tmp_path / "whole.tif", whole).notices == ()
    damaged = made.opened(tmp_path / "damaged.tif", zeroed(whole))
    assert damaged.notices == (DAMAGED,)
