"""libvips, set up once: no cache, no chatter, and its errors in words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from resilver.errors import PhotoError, PhotoUnreadable, PhotoUnsupported

# libvips keeps the last 100 operations, and with them their pixels and an old state of a file that
# has changed since; each photo is read once, so a cache only holds memory.
pyvips.cache_set_max(0)

# pyvips sends libvips's messages to Python's logging, by a callback in the midst of libvips's work.
# If Python collects garbage there and so drops another image, libvips logs again inside its own
# logging and GLib ends the process (found by fuzzing); an interrupt that arrives there is lost. So
# messages go to a function of C that does nothing; what goes wrong comes back as errors anyway.
# (Any will do: GLib's own idiom is to pass functions of fewer arguments as callbacks.)
_EVERY_LEVEL = 0xFF
pyvips._remove_log_handler()  # pyright: ignore[reportPrivateUsage] (there is no public way)
pyvips.glib_lib.g_log_set_handler(
    b"VIPS",
    _EVERY_LEVEL,
    pyvips.ffi.cast("GLogFunc", pyvips.ffi.addressof(pyvips.vips_lib, "vips_cache_get_max")),
    pyvips.ffi.NULL,
)

Result = TypeVar("Result")
Samples = NDArray[np.uint8 | np.uint16]

# What a call raises: pyvips decodes libvips's text as UTF-8, and that text can quote a file.
VIPS_ERRORS = (pyvips.Error, UnicodeDecodeError)

CUT_SHORT = "the {} file is truncated or damaged"
_CUT_SHORT_WORDS = (
    "premature end",
    "read error",
    "seek error",
    "bad seek",
    "unexpected end",
    "end of file",
    "end of data",
    "outside of file bounds",
    "not enough data",
)
_NO_DECODER_WORDS = (
    "unsupported",
    "not supported",
    "not configured",
    "not implemented",
    "not a whole number of bytes",
    "not 1 bands",
)


def cannot_decode(error: Exception) -> bool:
    """Whether libvips says that it has no decoder for a file, which may be sound."""
    said = str(error).lower()
    return any(words in said for words in _NO_DECODER_WORDS)


def unreadable(path: Path, error: Exception, format_name: str) -> PhotoError:
    """The one-line error for what libvips said (its own text runs over many lines)."""
    said = str(error).lower()
    if cannot_decode(error):
        return PhotoUnsupported(
            path,
            f"this kind of {format_name.upper()} (its compression, depth or layout) cannot be "
            "decoded here, unless it is damaged",
        )
    if any(words in said for words in _CUT_SHORT_WORDS):
        return PhotoUnreadable(path, CUT_SHORT.format(format_name.upper()))
    return PhotoUnreadable(path, f"the {format_name.upper()} data is damaged beyond decoding")


def apart(work: Callable[[], Result], stop: Callable[[], None]) -> Result:
    """Do libvips work in a thread of its own, and wait for it.

    Python raises KeyboardInterrupt in whatever Python code the main thread comes to next. While
    libvips writes, that is a callback of ours inside pyvips, where the exception is lost and with
    it the person's Ctrl-C. Here the main thread waits outside.

    Args:
        work: what to do.
        stop: called on an interrupt, to end the work early; it is waited for in any case.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="resilver-file") as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except BaseException:
            stop()
            while not future.done():
                # A second Ctrl-C must not close the file under the worker; the first is raised.
                with suppress(KeyboardInterrupt):
                    wait([future])
            raise


def image_of(pixels: Samples, *, cmyk: bool = False) -> pyvips.Image:
    """(H, W, C) samples as an image of C bands, without a copy: grey, RGB or CMYK, no alpha."""
    height, width, bands = pixels.shape
    wide = pixels.dtype == np.uint16
    data = np.ascontiguousarray(pixels).data
    image = pyvips.Image.new_from_memory(
        data, width, height, bands, cast(Any, "ushort" if wide else "uchar")
    )
    return tagged(image, cmyk=cmyk)


def tagged(image: pyvips.Image, *, cmyk: bool = False) -> pyvips.Image:
    """The image with the colour space that its bands and depth stand for here."""
    wide = image.format == "ushort"
    if cmyk:
        name = "cmyk"
    elif image.bands < 3:
        name = "grey16" if wide else "b-w"
    else:
        name = "rgb16" if wide else "srgb"
    return image.copy(interpretation=name)


def samples_of(image: pyvips.Image) -> Samples:
    """The pixels (H, W, C) of an image of unsigned 8 or 16 bits, computed once."""
    dtype = np.dtype(np.uint8 if image.format == "uchar" else np.uint16)
    flat = np.frombuffer(image.write_to_memory(), dtype)
    return flat.reshape(image.height, image.width, image.bands)


def blob_field(image: pyvips.Image, name: str) -> bytes | None:
    """A block of bytes that the file carried, or None."""
    return bytes(cast(Any, image.get(name))) if image.get_typeof(name) else None


def number_field(image: pyvips.Image, name: str, otherwise: int) -> int:
    """A whole number from the file's header."""
    return int(cast(Any, image.get(name))) if image.get_typeof(name) else otherwise


def with_blob(image: pyvips.Image, name: str, data: bytes | None) -> pyvips.Image:
    """The image with a block of bytes set, or taken away (None)."""
    changed = image.copy()
    if data is not None:
        changed.set_type(pyvips.GValue.blob_type, name, cast(Any, data))
    elif changed.get_typeof(name):
        changed.remove(name)
    return changed
