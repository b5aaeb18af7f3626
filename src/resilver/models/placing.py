"""An imported network is written apart first, then put in its place: whole, or not at all."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from resilver.errors import ModelError, PhotoError

_APART = ".import-"  # no network's name begins with a dot
_STALE_S = 24 * 3600.0  # an import takes minutes: what is as old as that was killed
SUFFIXES = (".onnx", ".safetensors", ".toml")  # of the files of one network; the card comes last


@contextmanager
def placed(name: str, folder: Path) -> Generator[Path]:
    """A folder to write the files of a network into.

    At the end of the block they are put into `folder`; of a network that had the name, no file
    stays. If the block fails, all is as it was.

    Raises:
        ModelError: the folder cannot be made or written, a full disk among the reasons.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_APART}*"):
            if time.time() - left.stat().st_mtime > _STALE_S:
                rmtree(left, ignore_errors=True)
        with TemporaryDirectory(prefix=_APART, dir=folder) as apart:
            yield Path(apart)
            for suffix in SUFFIXES:
                file = f"{name}{suffix}"
                if (Path(apart) / file).is_file():
                    (Path(apart) / file).replace(folder / file)
                else:
                    (folder / file).unlink(missing_ok=True)
    except (OSError, PhotoError) as error:  # the card of an export is written as reports are
        reason = error.reason if isinstance(error, PhotoError) else error.strerror or error
        raise ModelError(f"{folder}: {name} cannot be written there ({reason})") from error
