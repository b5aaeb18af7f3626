"""libvips writing to a descriptor, with the system's own errors."""

from __future__ import annotations

import os
import threading
from typing import Any

import pyvips

from resilver.photofile.containers import Splice
from resilver.photofile.tiff_tags import write_all


class Streaming:
    """A libvips target that writes to a descriptor; used in a with-statement.

    libvips reports a full disk as text over many lines, and what is raised inside a callback is
    printed and lost. So errors are kept here and raised when libvips is done.

    Args:
        descriptor: open for reading and writing.
        splice: changes the beginning of the stream; None for a stream that is written out of order.
        stop: once set, libvips is told that writing failed, so that it ends soon.
    """

    def __init__(self, descriptor: int, splice: Splice | None, stop: threading.Event) -> None:
        self._descriptor = descriptor
        self._splice = splice
        self._stop = stop
        self._start = b""
        self._failure: BaseException | None = None

    def __enter__(self) -> pyvips.TargetCustom:
        target = pyvips.TargetCustom()
        target.on_write(self._write)
        target.on_read(self._read)
        target.on_seek(self._seek)
        return target

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._failure is not None:
            raise self._failure from None
        if error is None and self._start:
            raise OSError("the encoder wrote no whole file")

    def _write(self, chunk: Any) -> int:
        if self._failure is not None or self._stop.is_set():
            return -1
        try:
            data = bytes(chunk)
            if self._splice is not None:
                self._start += data
                spliced = self._splice(self._start)
                if spliced is None:
                    return len(chunk)
                data, self._splice, self._start = spliced, None, b""
            write_all(self._descriptor, data)
        except BaseException as failure:  # nothing may cross into C; __exit__ raises it
            self._failure = failure
            return -1
        return len(chunk)

    def _read(self, count: int) -> bytes | None:
        try:
            return os.read(self._descriptor, count)
        except BaseException as failure:  # as in _write
            self._failure = failure
            return None

    def _seek(self, offset: int, whence: int) -> int:
        try:
            return os.lseek(self._descriptor, offset, whence)
        except BaseException as failure:  # as in _write
            self._failure = failure
            return -1
