"""One whole file or none: written beside its place, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import pyvips

from resilver.errors import PhotoDenied, PhotoError, PhotoExists, PhotoNotWritten
from resilver.photofile.encoding import Picture, encode
from resilver.photofile.formats import FORMATS, WRITABLE_FORMATS, WritableFormat
from resilver.photofile.vips_runtime import apart

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_picture(
    picture: Picture,
    path: Path,
    *,
    source: Path | None,
    overwrite: bool,
    quality: int | None,
) -> None:
    """Write a picture to `path`, in the format of its suffix.

    Raises:
        PhotoNotWritten: unknown suffix, too many pixels for the format, the place is taken or is
            the source itself, the folder does not exist, the disk is full, the file may not be so
            large there.
        PhotoDenied: no permission to write there.
    """
    form = format_for(path, max(picture.size))
    check_place(path, source=source, overwrite=overwrite)

    stop = threading.Event()

    def fill(descriptor: int) -> None:
        try:
            apart(lambda: encode(picture, form, descriptor, quality, stop), stop.set)
        except (pyvips.Error, ValueError, RuntimeError) as error:
            raise PhotoNotWritten(path, f"it cannot be written as {form.name.upper()}") from error

    write_whole(path, fill, overwrite=overwrite)


def format_for(path: Path, longest_px: int) -> WritableFormat:
    """The format that a suffix stands for.

    Args:
        longest_px: the longer side of what it has to hold.

    Raises:
        PhotoNotWritten: none that is written, or it holds no picture of that size.
    """
    name = WRITABLE_FORMATS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(entry.suffixes[0] for entry in FORMATS.values())
        raise PhotoNotWritten(path, f"no photo is written as {path.suffix!r}; known: {known}")
    form = FORMATS[name]
    if longest_px > form.longest_px:
        holds = f"{name.upper()} holds at most {form.longest_px} pixels a side"
        raise PhotoNotWritten(path, f"{holds}, not {longest_px}")
    return form


def check_place(path: Path, *, source: Path | None, overwrite: bool) -> None:
    """Refuse to write over the source (also by another name of it) or, unasked, over any file.

    Raises:
        PhotoNotWritten
    """
    _check_name(path)
    if source is not None and _is_same_file(path, source):
        raise PhotoNotWritten(path, "this is the source itself, which is never written to")
    if os.path.lexists(path) and not overwrite:
        raise PhotoExists(path)
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises on a name that is too long)
        raise PhotoNotWritten(path, "this is a folder")


def _check_name(path: Path) -> None:
    """Refuses what the system cannot even be asked for.

    Raises:
        PhotoNotWritten
    """
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise PhotoNotWritten(path, "no file can have this name")


def _is_same_file(path: Path, source: Path) -> bool:
    try:
        return path.samefile(source)
    except OSError:
        return False  # one of the two does not exist


def write_whole(path: Path, fill: Callable[[int], None], *, overwrite: bool) -> None:
    """Make `path` appear with all its content or not at all.

    Args:
        fill: writes the content to a descriptor that is open for reading and writing.
        overwrite: replace what is there; otherwise a file that appears meanwhile is left alone.

    Raises:
        PhotoNotWritten, PhotoDenied: in words; whatever else `fill` raises passes through. In every
            case, an interrupt included, nothing half-written remains.
    """
    _check_name(path)
    # A name of its own: one made from the result's could be too long where that one just fits.
    beside = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(beside, flags, 0o666)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        try:
            fill(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _publish(beside, path, overwrite=overwrite)
        _flush_folder(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a text file as UTF-8: whole or not at all.

    Raises:
        PhotoNotWritten, PhotoDenied: it cannot be written, or is already there.
    """
    data = text.encode("utf-8")

    def fill(descriptor: int) -> None:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)

    write_whole(path, fill, overwrite=overwrite)


def _publish(beside: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        beside.replace(path)
        return
    try:
        os.link(beside, path)  # fails if the name is taken, which a rename would not
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links (FAT, some network shares), which each system says in a
        # way of its own: take the name first. Whatever else is wrong shows there again.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            beside.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut; Windows has no way to ask for it."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that takes files and does not list them
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # network shares that cannot
            raise
    finally:
        os.close(descriptor)


def _not_written(path: Path, error: OSError) -> PhotoError:
    if error.errno in _FULL:
        return PhotoNotWritten(path, "the disk is full")
    if error.errno == errno.EFBIG:
        return PhotoNotWritten(path, "so large a file is not allowed there")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return PhotoDenied(path, "no permission to write there")
    if isinstance(error, FileExistsError):
        return PhotoExists(path)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return PhotoNotWritten(path, "its folder does not exist")
    return PhotoNotWritten(path, f"it cannot be written ({error.strerror or error})")
