"""Where photos and results lie: a folder, or any store that fsspec knows (S3 and its like)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec

from resilver.errors import ServiceError

_CHUNK_BYTES = 1 << 16  # each listener holds one, as long as he takes to read it
_PRIVATE = 0o700  # other people of this machine have no business here


class Storage:
    """Files by keys like "job/name"; keys are made by the service, never by a person.

    Args:
        place: a folder, or a URL like s3://bucket/prefix (with the package for it installed).

    Raises:
        ServiceError: it cannot be reached or written to.
    """

    def __init__(self, place: str) -> None:
        try:
            system, root = fsspec.core.url_to_fs(place)
            self._system: Any = system
            self._root = str(root).rstrip("/")
            self._is_folder = "file" in (
                (system.protocol,) if isinstance(system.protocol, str) else system.protocol
            )
            made = not self._system.exists(self._root)
            self._system.makedirs(self._root, exist_ok=True)
            if self._is_folder and made:
                Path(self._root).chmod(_PRIVATE)
        except ImportError as error:  # fsspec says what to install
            raise ServiceError(f"the storage cannot be used ({error})") from error
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else type(error).__name__
            raise ServiceError(f"the storage cannot be used ({what})") from error
        except ValueError as error:
            raise ServiceError(f"the storage cannot be used ({type(error).__name__})") from error

    def put(self, source: Path, key: str) -> None:
        """Stores a file."""
        place = self._place(key)
        folder = place.rpartition("/")[0]
        self._system.makedirs(folder, exist_ok=True)
        if self._is_folder and folder != self._root:
            Path(folder).chmod(_PRIVATE)
        self._system.put_file(str(source), place)
        if self._is_folder:  # what was promised survives a power cut
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def get(self, key: str, target: Path) -> None:
        """Fetches a file.

        Raises:
            FileNotFoundError: there is none.
        """
        self._system.get_file(self._place(key), str(target))

    def size(self, key: str) -> int:
        """Bytes of a file.

        Raises:
            FileNotFoundError: there is none.
        """
        return int(self._system.size(self._place(key)))

    def read(self, key: str) -> Iterator[bytes]:
        """The content of a file, piece by piece."""
        with self._system.open(self._place(key), "rb") as file:
            while piece := file.read(_CHUNK_BYTES):
                yield piece

    def delete(self, folder: str) -> None:
        """Deletes a folder and all in it; it may be gone already."""
        with suppress(FileNotFoundError):
            self._system.rm(self._place(folder), recursive=True)

    def delete_some(self, folder: str, start: str) -> None:
        """Deletes the files of a folder whose names start so, and the folder if none is left."""
        place = self._place(folder)
        with suppress(FileNotFoundError):
            self._system.invalidate_cache()
            found: list[str] = self._system.ls(place, detail=False)
            going = [path for path in found if path.rpartition("/")[2].startswith(start)]
            for path in going:
                self._system.rm_file(path)
            if len(going) == len(found):
                self.delete(folder)

    def folders(self) -> list[str]:
        """The names of all folders."""
        self._system.invalidate_cache()
        found: list[str] = self._system.ls(self._root, detail=False)
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def is_older(self, folder: str, seconds: float) -> bool:
        """Whether nothing in a folder was written within the last so many seconds."""
        try:
            files: list[str] = self._system.ls(self._place(folder), detail=False)
            times = [self._system.modified(path).timestamp() for path in files]
        except FileNotFoundError:
            return False  # gone meanwhile
        return all(moment < time.time() - seconds for moment in times)

    def _place(self, key: str) -> str:
        if ".." in key or key.startswith("/") or "\\" in key:
            raise ValueError("keys of the storage are made by the service")
        return f"{self._root}/{key}"
