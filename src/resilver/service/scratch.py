"""Files in hand: folders that vanish with the process that made them, even if it is killed."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from resilver.errors import ServiceError

_LOCK = "lock"

try:
    import fcntl
except ImportError:  # Windows: folders of killed processes stay until the system clears them
    fcntl = None


class Scratch:
    """One process's own folder of temporary files below a folder that all of them share.

    A lock that the system lets go of with the process tells which folders are still in use; those
    of processes that were killed are deleted by the next one.

    Raises:
        ServiceError: it cannot be made.
    """

    def __init__(self, shared: Path) -> None:
        try:
            shared.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._own = shared / secrets.token_hex(8)
            self._own.mkdir(mode=0o700)
            self._lock = os.open(self._own / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServiceError(
                f"there is no room for temporary files ({error.strerror})"
            ) from error
        if fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            for folder in shared.iterdir():
                if folder != self._own and _is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def folder(self) -> Generator[Path]:
        """An empty folder, deleted at the end."""
        with tempfile.TemporaryDirectory(dir=self._own, ignore_cleanup_errors=True) as path:
            yield Path(path)

    def close(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self._own, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    assert fcntl is not None
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False  # not ours, or just being made
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
