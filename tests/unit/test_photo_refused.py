"""What cannot be opened: one clear line of the right kind, and nothing on stderr."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import making_photos as made
from resilver.errors import (
    PhotoDenied,
    PhotoError,
    PhotoMissing,
    PhotoTooLarge,
    PhotoUnreadable,
    PhotoUnsupported,
)
from resilver.photo import Photo

Refuse = Callable[[bytes | None, str, type[PhotoError]], str]


@pytest.fixture
def refuse(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refuse:
    """Open a file of the given content and return the reason for which it was refused."""

    def try_it(content: bytes | None, name: str, kind: type[PhotoError]) -> str:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(PhotoError) as caught:
            Photo.open(path)
        assert type(caught.value) is kind
        assert str(caught.value) == f"{path}: {caught.value.reason}"
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")
        return caught.value.reason

    return try_it


def encoded(form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(made.picture(120, 160)).save(out, form, **options)
    return out.getvalue()


def heic() -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(made.picture(120, 160))).save(out)
    return out.getvalue()


ENCODED: dict[str, Callable[[], bytes]] = {
    "a.jpg": lambda: encoded("JPEG"),
    "p.jpg": lambda: encoded("JPEG", progressive=True),
    "a.png": lambda: encoded("PNG"),
    "a.tif": lambda: encoded("TIFF"),
    "l.tif": lambda: encoded("TIFF", compression="tiff_lzw"),
    "j.tif": lambda: encoded("TIFF", compression="jpeg"),
    "d.tif": lambda: encoded("TIFF", compression="tiff_adobe_deflate"),
    "a.webp": lambda: encoded("WEBP", lossless=True),
    "a.avif": lambda: encoded("AVIF"),
    "a.gif": lambda: encoded("GIF"),
    "a.heic": heic,
    "a.dng": lambda: made.dng_bytes(96, 128),
}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.93])
def test_truncated_files(refuse: Refuse, name: str, share: float) -> None:
    whole = ENCODED[name]()
    reason = refuse(whole[: int(len(whole) * share)], name, PhotoUnreadable)
    assert "truncated" in reason or "damaged" in reason


def test_names_that_lead_nowhere(refuse: Refuse, tmp_path: Path) -> None:
    assert refuse(None, "gone.jpg", PhotoMissing) == "no such file"
    (tmp_path / "file").write_bytes(b"x")
    assert refuse(None, "file/below.jpg", PhotoMissing) == "no such file"
    (tmp_path / "folder.jpg").mkdir()
    assert refuse(None, "folder.jpg", PhotoUnreadable) == "this is a folder, not a photo"
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert "cannot be opened" in refuse(None, "loop.jpg", PhotoUnreadable)
    assert "cannot be opened" in refuse(None, "n" * 300 + ".jpg", PhotoUnreadable)
    assert "file name" in refuse(None, "zero\0byte.jpg", PhotoUnreadable)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(refuse: Refuse, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert refuse(None, "pipe.jpg", PhotoUnreadable) == "this is not a file"


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", PhotoUnreadable, "empty"),
        (b"Dear grandmother,\n", PhotoUnreadable, "not an image"),
        (b"\xff", PhotoUnreadable, "not an image"),
        (bytes(4000), PhotoUnreadable, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PhotoUnreadable, "not an image"),
        (b"BM" + bytes(100), PhotoUnsupported, "BMP"),
        (b"%PDF-1.7\n", PhotoUnsupported, "PDF"),
        (b"8BPS\0\1" + bytes(60), PhotoUnsupported, "Photoshop"),
        (b"\0\0\0\x18ftypmp42" + bytes(60), PhotoUnsupported, "video"),
        (b"\xff\xd8\xff", PhotoUnreadable, "JPEG"),
        (b"\x89PNG\r\n\x1a\n", PhotoUnreadable, "PNG"),
        (b"II*\0\x08\0\0\0", PhotoUnreadable, "TIFF"),
        (b"GIF89a", PhotoUnreadable, "GIF"),
    ],
)
def test_what_is_no_photo(
    refuse: Refuse, content: bytes, kind: type[PhotoError], words: str
) -> None:
    assert words in refuse(content, "a.jpg", kind)


def test_text_named_as_camera_raw(refuse: Refuse) -> None:
    refuse(b"not a negative at all", "a.nef", PhotoUnreadable)
    refuse(b"II*\0\x08\0\0\0" + bytes(500), "a.nef", PhotoUnreadable)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations(refuse: Refuse, form: str) -> None:
    frames = [Image.fromarray(made.picture(32, 32, seed)) for seed in range(3)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    assert "animated" in refuse(out.getvalue(), f"a.{form.lower()}", PhotoUnsupported)


@pytest.mark.parametrize(
    ("dtype", "sample_format", "words"),
    [
        (np.float32, 3, "floating-point"),
        (np.float64, 3, "floating-point"),
        (np.uint32, 1, "32-bit"),
        (np.int8, 2, "signed"),
        (np.int16, 2, "signed"),
        (np.int32, 2, "signed"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_depths_without_a_display_meaning(
    refuse: Refuse, dtype: type, sample_format: int, words: str, channels: int
) -> None:
    pixels = made.picture()[..., :channels].astype(dtype)
    content = made.tiff_of(pixels, 1 if channels == 1 else 2, sample_format=sample_format)
    reason = refuse(content, "a.tif", PhotoUnsupported)
    assert words in reason
    assert "8 or 16 bits" in reason


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_depths_between_bytes_are_not_called_damage(refuse: Refuse, bits: int) -> None:
    content = made.tiff_of(made.picture()[..., :1].astype(np.uint16), 1)
    stated = struct.pack("<HHIH", 0x0102, 3, 1, 16)
    assert content.count(stated) == 1
    content = content.replace(stated, struct.pack("<HHIH", 0x0102, 3, 1, bits))
    reason = refuse(content, "a.tif", PhotoUnsupported)
    assert f"{bits}-bit" in reason
    assert "8 or 16 bits" in reason


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_decompression_bomb_is_refused_by_its_header(refuse: Refuse) -> None:
    reason = refuse(png_claiming(60_000, 50_000), "bomb.png", PhotoTooLarge)
    assert "3000 megapixels" in reason
    assert "500" in reason
    assert "--" not in reason  # who opens a photo from Python typed no flag
    tall = made.tiff_of(np.zeros((1, 8, 3), np.uint8), 2)
    at = tall.index(struct.pack("<HHI", 257, 4, 1)) + 8
    claimed = tall[:at] + struct.pack("<I", 90_000_000) + tall[at + 4 :]
    refuse(claimed, "bomb.tif", PhotoTooLarge)


def test_refused_bomb_costs_no_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_claiming(60_000, 50_000))
    code = """
        import resource, sys
        from resilver.errors import PhotoTooLarge
        from resilver.photo import Photo
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            Photo.open(sys.argv[1])
        except PhotoTooLarge:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    grown_kib = int(run_python(code, str(tmp_path / "bomb.png")))
    assert grown_kib < 30_000


def run_python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.avif", "a.heic", "a.dng"])
def test_limit_is_the_callers_to_set(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ENCODED[name]())
    with pytest.raises(PhotoTooLarge, match=r"more than the limit of 0\.003$"):
        Photo.open(path, max_megapixels=0.003)
    assert Photo.open(path, max_megapixels=0.02).megapixels > 0.003


def test_file_without_permission(tmp_path: Path) -> None:
    """For real: root may read anything, so a process of nobody's tries."""
    path = tmp_path / "private.png"
    path.write_bytes(encoded("PNG"))
    path.chmod(0)
    tmp_path.chmod(0o755)
    if os.geteuid() != 0:
        with pytest.raises(PhotoDenied, match="no permission to read"):
            Photo.open(path)
        return
    code = """
        import os, sys
        from resilver.errors import PhotoDenied
        from resilver.photo import Photo
        import resilver.photofile.vips_reading, numpy.ma
        os.chdir(sys.argv[1])
        os.setuid(65534)
        for act in (
            lambda: Photo.open("private.png"),
            lambda: Photo.from_array(numpy.zeros((9, 9, 3), numpy.uint8)).save("new.png"),
        ):
            try:
                act()
            except PhotoDenied as error:
                print(error)
    """
    said = run_python(code, str(tmp_path))
    assert said == (
        "private.png: no permission to read it\nnew.png: no permission to write there\n"
    )
    assert not (tmp_path / "new.png").exists()
