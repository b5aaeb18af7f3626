"""Headers of photo files: format and size, without decoding."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest

import making_photos as made
from one_at_a_time import one_at_a_time
from resilver.errors import PhotoMissing, PhotoUnreadable, PhotoUnsupported
from resilver.photo import Photo
from resilver.photofile.probing import Header, read_header


@pytest.mark.parametrize("suffix", made.EVERY_SUFFIX)
def test_every_format_tells_its_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    photo = Photo.from_array(made.picture(48, 64))
    photo.save(path)
    header = read_header(path)
    assert header.size == (48, 64)
    assert header.format == Photo.open(path).format
    assert header.megapixels == pytest.approx(48 * 64 / 1e6)


def test_camera_raw_tells_its_size_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(made.dng_bytes())
    assert read_header(path) == Header("raw", (48, 64))


def test_of_camera_raw_the_header_alone_is_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.dng"
    path.write_bytes(made.dng_bytes())
    with path.open("r+b") as file:
        file.truncate(30_000_000)
    read_header(path)  # whatever is imported for it
    tracemalloc.start()
    try:
        assert read_header(path) == Header("raw", (48, 64))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_of_heic_one_file_at_a_time_is_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.heic"
    Photo.from_array(made.picture(48, 64)).save(path)
    monkeypatch.setattr(pillow_heif, "open_heif", one_at_a_time(pillow_heif.open_heif, 0.02))
    with ThreadPoolExecutor(4) as threads:
        headers = list(threads.map(read_header, [path] * 8))
    assert headers == [Header("heic", (48, 64))] * 8


def test_a_size_that_cannot_be_held_is_told_from_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    tiny = made.tiff_of(np.zeros((4, 4, 3), np.uint8), 2)
    path.write_bytes(tiny)
    assert read_header(path).size == (4, 4)
    path.write_bytes(
        tiny.replace(b"\0\1\4\0\1\0\0\0\4\0\0\0", b"\0\1\4\0\1\0\0\0\xff\xff\0\0").replace(
            b"\1\1\4\0\1\0\0\0\4\0\0\0", b"\1\1\4\0\1\0\0\0\xff\xff\0\0"
        )
    )
    assert read_header(path).size == (65_535, 65_535)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", PhotoUnreadable),
        (b"hello", PhotoUnreadable),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), PhotoUnreadable),
        (b"BM" + bytes(60), PhotoUnsupported),
    ],
)
def test_what_is_no_photo_is_refused(tmp_path: Path, content: bytes, kind: type[Exception]) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    with pytest.raises(kind):
        read_header(path)


def test_a_file_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with pytest.raises(PhotoMissing):
        read_header(tmp_path / "nowhere.png")
