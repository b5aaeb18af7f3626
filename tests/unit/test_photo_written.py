"""Writing: whole or not at all, never over the source, never unasked over anything."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import making_photos as made
from resilver.errors import OptionError, PhotoError, PhotoNotWritten
from resilver.photo import Photo
from resilver.photofile import writing

SUFFIXES = [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"]


@pytest.fixture
def photo() -> Photo:
    return Photo.from_array(made.picture())


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_but_the_file_appears(photo: Photo, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    photo.save(str(path))
    assert names(tmp_path) == [path.name]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert Photo.open(path).size == photo.size


@pytest.mark.parametrize("letter", ["n", "写"])
def test_longest_name_that_the_folder_takes(photo: Photo, tmp_path: Path, letter: str) -> None:
    longest_bytes = os.pathconf(tmp_path, "PC_NAME_MAX")
    name = letter * ((longest_bytes - 4) // len(letter.encode())) + ".jpg"
    photo.save(tmp_path / name)
    assert names(tmp_path) == [name]


def test_half_written_file_is_hidden(tmp_path: Path) -> None:
    """So that no run takes what a power cut left behind for a scan."""
    seen: list[str] = []
    writing.write_whole(
        tmp_path / "a.png", lambda _descriptor: seen.extend(names(tmp_path)), overwrite=False
    )
    assert [name[0] for name in seen] == ["."]
    assert names(tmp_path) == ["a.png"]


def test_existing_file_is_left_alone_unless_asked(photo: Photo, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"somebody's work")
    with pytest.raises(PhotoNotWritten, match="the file exists"):
        photo.save(path)
    assert path.read_bytes() == b"somebody's work"
    photo.save(path, overwrite=True)
    assert Photo.open(path).size == photo.size
    assert names(tmp_path) == ["a.png"]


def test_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"

    def fill(descriptor: int) -> None:
        os.write(descriptor, b"ours")
        path.write_bytes(b"theirs")

    with pytest.raises(PhotoNotWritten, match="the file exists; overwrite=True replaces it"):
        writing.write_whole(path, fill, overwrite=False)
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])  # FAT in Linux, in Windows
def test_without_hard_links_the_name_is_still_not_taken_from_anyone(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(_from: object, _to: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_links)
    photo.save(tmp_path / "a.png")
    assert names(tmp_path) == ["a.png"]

    def fill(descriptor: int) -> None:
        os.write(descriptor, b"ours")
        (tmp_path / "b.png").write_bytes(b"theirs")

    with pytest.raises(PhotoNotWritten, match="the file exists"):
        writing.write_whole(tmp_path / "b.png", fill, overwrite=False)
    assert (tmp_path / "b.png").read_bytes() == b"theirs"


def test_name_that_was_taken_first_is_given_back(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PhotoNotWritten, match="cannot be written"):
        photo.save(tmp_path / "a.png")
    assert names(tmp_path) == []


def test_source_is_never_written_by_any_name(photo: Photo, tmp_path: Path) -> None:
    source = tmp_path / "scan.png"
    photo.save(source)
    before = source.read_bytes()
    (tmp_path / "soft.png").symlink_to(source)
    os.link(source, tmp_path / "hard.png")
    (tmp_path / "folder").mkdir()
    opened = Photo.open(source)
    for name in ("scan.png", "soft.png", "hard.png", "folder/../scan.png"):
        with pytest.raises(PhotoNotWritten, match="the source itself"):
            opened.save(tmp_path / name, overwrite=True)
    with pytest.raises(PhotoNotWritten, match="the source itself"):
        Photo.open(tmp_path / "soft.png").save(source, overwrite=True)
    assert source.read_bytes() == before


def test_places_that_cannot_be_written(photo: Photo, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for name, words in (
        ("gone/a.png", "folder does not exist"),
        ("file/a.png", "folder does not exist"),
        ("a.bmp", "no photo is written as '.bmp'; known: .jpg, .png, .tif"),
        ("a", "no photo is written as ''"),
        ("n" * 300 + ".png", "cannot be written"),
    ):
        with pytest.raises(PhotoNotWritten, match=words):
            photo.save(tmp_path / name)
    with pytest.raises(PhotoNotWritten, match="this is a folder"):
        photo.save(tmp_path / "folder.png", overwrite=True)
    assert names(tmp_path) == ["file", "folder.png"]


def test_a_folder_that_may_not_be_listed_takes_the_photo(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = os.open

    def denied(path: str | Path, *arguments: int, **options: int) -> int:
        if Path(path).is_dir():
            raise PermissionError
        return open_(path, *arguments, **options)

    monkeypatch.setattr(os, "open", denied)
    photo.save(tmp_path / "a.png")
    monkeypatch.undo()
    assert np.array_equal(Photo.open(tmp_path / "a.png").pixels, photo.pixels)


def test_more_pixels_than_the_format_holds(tmp_path: Path) -> None:
    wide = Photo.from_array(np.zeros((2, 17_000, 3), np.uint8))
    with pytest.raises(PhotoNotWritten, match="WEBP holds at most 16383 pixels a side"):
        wide.save(tmp_path / "a.webp")
    wide.save(tmp_path / "a.jpg")
    assert names(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("quality", [0, 101, -1, 500, "90", True, 90.0, np.array([1, 2])])
def test_quality_is_1_to_100(photo: Photo, tmp_path: Path, quality: Any) -> None:
    with pytest.raises(OptionError, match="quality is 1-100"):
        photo.save(tmp_path / "a.jpg", quality=quality)
    assert names(tmp_path) == []


@pytest.mark.parametrize("wrong", [{"software": 5}, {"digital_source_type": b"x"}, {"path": 5}])
def test_what_is_no_path_and_no_text_is_refused(
    photo: Photo, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(OptionError):
        photo.save(**{"path": tmp_path / "a.png", **wrong})
    assert names(tmp_path) == []


def test_quality_matters(photo: Photo, tmp_path: Path) -> None:
    for suffix in (".jpg", ".webp", ".avif", ".heic"):
        sizes: list[int] = []
        for quality in (20, 95):
            path = tmp_path / f"{quality}{suffix}"
            photo.save(path, quality=quality)
            sizes.append(path.stat().st_size)
        assert sizes[0] < sizes[1], suffix


TOO_LARGE = """
    import resource, sys
    import numpy as np
    from resilver.errors import PhotoNotWritten
    from resilver.photo import Photo
    import resilver.photofile.heic
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    photo = Photo.from_array(noise)
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        photo.save(sys.argv[1], overwrite=True)
    except PhotoNotWritten as error:
        print(error.reason)
"""


def run_python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("limit", [0, 5_000])
def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path, suffix: str, limit: int) -> None:
    """For real: the system refuses to let the file grow beyond a limit."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"the old result")
    assert run_python(TOO_LARGE, str(path), str(limit)) == "so large a file is not allowed there"
    assert path.read_bytes() == b"the old result"
    assert names(tmp_path) == [path.name]


def test_limit_in_the_last_bytes_of_a_tiff(tmp_path: Path) -> None:
    """Where the pixels fit and the metadata behind them does not."""
    whole = tmp_path / "whole.tif"
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    Photo.from_array(noise).save(whole)
    path = tmp_path / "a.tif"
    limit = str(whole.stat().st_size - 20)
    assert run_python(TOO_LARGE, str(path), limit) == "so large a file is not allowed there"
    assert names(tmp_path) == ["whole.tif"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_disk_that_fills_up_leaves_nothing(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, number: int
) -> None:
    """Network disks and those that write late say so only when they are asked to."""

    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"the old result")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PhotoNotWritten, match="the disk is full"):
        photo.save(path, overwrite=True)
    assert path.read_bytes() == b"the old result"
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_interrupt_leaves_nothing(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        photo.save(tmp_path / f"a{suffix}")
    assert names(tmp_path) == []


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_control_c_while_libvips_writes(tmp_path: Path, suffix: str) -> None:
    """A real signal in the middle of the encoder."""
    noise = np.random.default_rng(0).integers(0, 65536, (2000, 2500, 3), dtype=np.uint16)
    photo = Photo.from_array(noise)

    def press() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):  # the file may be gone between the two calls
                if any(entry.stat().st_size > 1000 for entry in tmp_path.iterdir()):
                    break
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    # A test run in the background of a shell ignores SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presser = threading.Thread(target=press)
    presser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            save_and_wait(photo, tmp_path / f"a{suffix}")
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)
    assert names(tmp_path) == []


def save_and_wait(photo: Photo, path: Path) -> None:
    photo.save(path)
    time.sleep(20)  # a signal that came too late comes here, and the test finds the file


def test_encoder_that_fails_is_one_clear_line(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no encoder")

    monkeypatch.setattr(writing, "encode", refuse)
    with pytest.raises(PhotoError, match="it cannot be written as PNG") as caught:
        photo.save(tmp_path / "a.png")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []
