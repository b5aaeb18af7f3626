"""Files in hand: folders that vanish with the process that made them, even if it is killed."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
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
            _check_owner(shared)
            self._own, self._lock = _locked_folder(shared)
        except OSError as error:
            raise ServiceError(
                f"there is no room for temporary files ({error.strerror})"
            ) from error
        if fcntl is not None:
            for folder in shared.iterdir():
                if folder != self._own:
                    _delete_if_abandoned(folder)

    @contextmanager
    def folder(self) -> Generator[Path]:
        """An empty folder, deleted at the end."""
        with tempfile.TemporaryDirectory(dir=self._own, ignore_cleanup_errors=True) as path:
            yield Path(path)

    def close(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self._own, ignore_errors=True)


def _check_owner(folder: Path) -> None:
    """Raises ServiceError for a folder of somebody else, who could read and replace photos."""
    if not hasattr(os, "getuid"):
        return
    known = folder.lstat()
    if not stat.S_ISDIR(known.st_mode) or known.st_uid != os.getuid():
        raise ServiceError(f"the folder for temporary files, {folder}, belongs to somebody else")
    if known.st_mode & 0o077:
        folder.chmod(0o700)


def _locked_folder(shared: Path) -> tuple[Path, int]:
    """A new folder and its lock, which is held."""
    while True:
        folder = shared / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is None:
            return folder, lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Until now another process could take it for abandoned, and delete it.
        if (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)


def _delete_if_abandoned(folder: Path) -> None:
    assert fcntl is not None
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return  # not ours, or just being made
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # While the lock is held: whoever waits for it then sees that the folder is gone.
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # in use
    finally:
        os.close(descriptor)
