"""Mutated files of every format: each opens or is refused in words; nothing else, never a crash."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import pyvips
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import making_photos as made
from resilver.errors import PhotoError
from resilver.photo import Metadata, Photo
from resilver.photofile.colour_profile import builtin_profile

EXAMPLES = 40


def saved(suffix: str, *, grey: bool = False, wide: bool = False) -> bytes:
    """A small file of ours with every kind of metadata in it."""
    pixels = made.picture16(24, 32) if wide else made.picture(24, 32)
    photo = Photo.from_array(pixels[..., 0] if grey else pixels).evolve(
        metadata=Metadata(made.exif_block(), made.XMP, made.IPTC, (300.0, 300.0)),
        profile=None if grey else made.wide_profile(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        photo.save(path, software="resilver")
        return path.read_bytes()


def by_pillow(form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(made.picture(24, 32))
    (image.quantize(16) if form == "GIF" else image).save(out, form, **options)
    return out.getvalue()


def grey_avif() -> bytes:
    out = io.BytesIO()
    grey = Image.fromarray(made.picture(24, 32)[..., 0])
    grey.save(out, "AVIF", icc_profile=made.grey_profile())
    return out.getvalue()


def png_with_texts() -> bytes:
    texts = PngInfo()
    texts.add_text("Description", "on the terrace")
    texts.add_itxt("Author", "Ada", "de", "Verfasserin", zip=True)
    return by_pillow("PNG", pnginfo=texts)


def tiled_tiff() -> bytes:
    image = pyvips.Image.new_from_array(made.picture16(40, 40), interpretation="rgb16")
    return image.tiffsave_buffer(compression="deflate", tile=True, tile_width=16, tile_height=16)


def cmyk_tiff() -> bytes:
    icc = builtin_profile("srgb")  # does not fit, which is the point
    inks = made.picture(24, 32)[..., [0, 1, 2, 0]]
    return made.tiff_of(inks, 5, extra=[(34675, 7, len(icc), icc)], order=">")


SEEDS: dict[str, Callable[[], bytes]] = {
    "a.jpg": lambda: saved(".jpg"),
    "progressive.jpg": lambda: by_pillow("JPEG", progressive=True),
    "a.png": lambda: saved(".png"),
    "grey.png": lambda: saved(".png", grey=True, wide=True),
    "a.tif": lambda: saved(".tif", wide=True),
    "tiled.tif": tiled_tiff,
    "cmyk.tif": cmyk_tiff,
    "fax.tif": lambda: by_pillow("TIFF", compression="jpeg"),
    "a.webp": lambda: saved(".webp"),
    "texts.png": png_with_texts,
    "commented.jpg": lambda: by_pillow("JPEG", comment=b"Grandmother, 1931"),
    "a.avif": lambda: saved(".avif"),
    "grey.avif": grey_avif,
    "a.heic": lambda: saved(".heic"),
    "a.gif": lambda: by_pillow("GIF"),
    "a.dng": lambda: made.dng_bytes(24, 32),
}


@cache
def seed_file(name: str) -> bytes:
    return SEEDS[name]()


@st.composite
def mutations(draw: st.DrawFn, name: str) -> bytes:
    """A valid file with some bytes flipped, a piece copied elsewhere, or its end cut off."""
    data = bytearray(seed_file(name))
    # Headers are where the decisions fall: hit them more often than pixels.
    place = st.one_of(st.integers(0, min(600, len(data) - 1)), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(1, 8))):
        match draw(st.sampled_from(["flip", "extreme", "splice", "cut"])):
            case "flip":
                data[draw(place) % len(data)] ^= 1 << draw(st.integers(0, 7))
            case "extreme":
                at = draw(place) % len(data)
                word = draw(st.sampled_from([b"\0\0", b"\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0"]))
                data[at : at + len(word)] = word
            case "splice":
                start, target = draw(place) % len(data), draw(place) % len(data)
                data[target:target] = data[start : start + draw(st.integers(1, 60))]
            case _:
                if draw(st.booleans()):
                    del data[max(1, draw(place) % len(data)) :]
    return bytes(data)


def open_or_refuse(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused: PhotoError | None = None
    try:
        photo = Photo.open(path, max_megapixels=20)
    except PhotoError as error:
        refused = error
    if refused is not None:
        assert refused.reason
        assert "\n" not in str(refused)
        return
    assert photo.pixels.shape == (*photo.size, 3)
    assert photo.preview(16).size > 0


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_files_open_or_are_refused(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    open_or_refuse(path, seed_file(name))
    assert Photo.open(path).size[1] in (24, 32, 40)

    @seed(20250517)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations(name))
    def run(content: bytes) -> None:
        open_or_refuse(path, content)

    run()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_what_a_mutated_file_opens_as_can_be_saved(tmp_path: Path, name: str) -> None:
    """Damaged metadata must not stop the writer either."""

    @seed(7)
    @settings(max_examples=60, deadline=None, database=None, phases=[Phase.generate])
    @given(mutations(name))
    def run(content: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        try:
            photo = Photo.open(path, max_megapixels=20)
        except PhotoError:
            return
        for suffix in (".jpg", ".tif"):
            target = tmp_path / f"b{suffix}"
            photo.save(target, overwrite=True, software="resilver", digital_source_type="uri")
            assert Photo.open(target).size == photo.size

    run()


def test_whole_program_stays_silent_on_stderr(tmp_path: Path) -> None:
    """Outside pytest, where nothing captures logging."""
    for name in SEEDS:
        content = seed_file(name)
        (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    code = (
        "import sys, pathlib\n"
        "from resilver.errors import PhotoError\n"
        "from resilver.photo import Photo\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        Photo.open(path)\n"
        "    except PhotoError as error:\n"
        "        print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(SEEDS)
