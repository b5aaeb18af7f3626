"""Published weights: where the official files lie, and how one is fetched.

The digests were reported by third parties and not checked here: the first whole download is the
proof, and what does not match is refused.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

from resilver.errors import ModelError
from resilver.models.card import Licence
from resilver.models.digest import file_sha256
from resilver.version import SOFTWARE

TIMEOUT_S = 30.0
_CHUNK = 1 << 18
Progress = Callable[[int, int], None]  # bytes there, bytes in all (0 = not known)


@dataclass(frozen=True)
class Published:
    """One official weight file."""

    name: str
    url: str
    sha256: str
    size: int | None  # bytes; None = not known
    licence: Licence
    terms: str  # the licence of the weights, as their owners state it

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.url.rsplit("/", 1)[-1]


_GFPGAN = "https://github.com/TencentARC/GFPGAN/releases/download/"
_ESRGAN = "https://github.com/xinntao/Real-ESRGAN/releases/download/"
_GFPGAN_TERMS = "Apache-2.0; its LICENSE lists StyleGAN2 and DFDNet parts with non-commercial terms"

PUBLISHED: tuple[Published, ...] = (
    Published(
        "gfpgan-1.4",
        _GFPGAN + "v1.3.0/GFPGANv1.4.pth",
        "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
        348_632_874,
        "research",
        _GFPGAN_TERMS,
    ),
    Published(
        "gfpgan-1.3",
        _GFPGAN + "v1.3.0/GFPGANv1.3.pth",
        "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
        348_632_874,
        "research",
        _GFPGAN_TERMS,
    ),
    Published(
        "realesrgan-x4plus",
        _ESRGAN + "v0.1.0/RealESRGAN_x4plus.pth",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        67_040_989,
        "clean",
        "BSD-3-Clause",
    ),
    Published(
        "realesrgan-x2plus",
        _ESRGAN + "v0.2.1/RealESRGAN_x2plus.pth",
        "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        67_061_725,
        "clean",
        "BSD-3-Clause",
    ),
    Published(
        "realesrgan-x4plus-anime",
        _ESRGAN + "v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth",
        "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
        None,
        "clean",
        "BSD-3-Clause",
    ),
    Published(
        "realesr-general-x4v3",
        _ESRGAN + "v0.2.5.0/realesr-general-x4v3.pth",
        "8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        4_885_111,
        "clean",
        "BSD-3-Clause",
    ),
)


def published_named(name: str) -> Published:
    """One file of the table.

    Raises:
        ModelError: none has this name.
    """
    for known in PUBLISHED:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in PUBLISHED)
    raise ModelError(f"no published weights are known as {name!r}; there are: {names}")


def published_with(sha256: str) -> Published | None:
    """The file of the table with this digest, if any."""
    return next((known for known in PUBLISHED if known.sha256 == sha256), None)


@contextmanager
def held(wanted: Published, folder: Path) -> Generator[None]:
    """The place of a download in a folder, for this process alone.

    Raises:
        ModelError: another process has it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 (only those who fetch have it)

    _make(folder)
    lock = FileLock(folder / f"{wanted.file}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ModelError(f"{wanted.name}: another process is fetching it") from error
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


def fetch(wanted: Published, folder: Path, progress: Progress = lambda _there, _all: None) -> Path:
    """Downloads a file into a folder, going on where an earlier attempt stopped; its path.

    What was begun earlier and turns out to be of another file is fetched once more from its start.
    Of several processes only one may do so at a time, see `held`.

    Raises:
        ModelError: no network, an answer that is not the file (of another length, or a web page:
            refused before it is fetched), a transfer that was cut off (what came is kept for the
            next attempt), a file with another digest (it is deleted), or a folder that cannot be
            written.
    """
    _make(folder)
    whole, partial = folder / wanted.file, folder / f"{wanted.file}.part"
    if whole.is_file() and file_sha256(whole) == wanted.sha256:
        return whole
    try:
        goes_on = partial.is_file() and partial.stat().st_size > 0
        _transfer(wanted, partial, progress)
        found = file_sha256(partial)
        if found != wanted.sha256 and goes_on:
            partial.unlink()
            _transfer(wanted, partial, progress)
            found = file_sha256(partial)
        if found != wanted.sha256:
            partial.unlink()
            raise ModelError(
                f"{wanted.name}: the file that came is not the published one "
                f"(SHA-256 {found[:12]}…, not {wanted.sha256[:12]}…); it was deleted"
            )
        partial.replace(whole)
    except urllib.error.HTTPError as error:
        raise ModelError(
            f"{wanted.name}: {wanted.url} answers {error.code} ({error.reason})"
        ) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(f"{wanted.name}: cannot be fetched ({reason})") from error
    return whole


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be made a folder ({error.strerror})") from error


def _transfer(wanted: Published, partial: Path, progress: Progress) -> None:
    """Brings the partial file to its whole length."""
    there = partial.stat().st_size if partial.is_file() else 0
    if wanted.size is not None and there == wanted.size:
        return
    if wanted.size is not None and there > wanted.size:
        there = 0
    try:
        answer = _asked(wanted.url, there)
        if there and answer.status == 206 and not _goes_on(answer, there):
            answer.close()
            answer = _asked(wanted.url, 0)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not there:
            raise
        return  # the range begins at the end: there is no more to come
    with answer:
        if answer.headers.get_content_type() == "text/html":  # of a network that wants a login
            raise ModelError(f"{wanted.name}: {wanted.url} answers with a web page, not the file")
        again = 0 if answer.status == 206 else there  # bytes that the server sends once more
        total = wanted.size or 0 if answer.length is None else there - again + answer.length
        if wanted.size is not None and total != wanted.size:
            raise ModelError(
                f"{wanted.name}: the published file has {wanted.size:,} bytes, "
                f"{wanted.url} has {total:,}: it is not fetched"
            )
        if total and again >= total:  # what came is not of this file
            there = again = 0
        with partial.open("ab" if there else "wb") as file:
            if _passed(answer, again):  # another attempt that is cut off costs nothing that came
                there = _copy(answer, file, there, total, progress)
    if total and there < total:
        raise OSError(f"cut off after {there:,} of {total:,} bytes; run it again to go on")
    if wanted.size is not None and there > wanted.size:
        partial.unlink()
        raise ModelError(
            f"{wanted.name}: the published file has {wanted.size:,} bytes, "
            f"{wanted.url} sends more: what came was deleted"
        )


def _asked(url: str, there: int) -> HTTPResponse:
    """The answer to a request for a file, or for what of it is not there yet."""
    headers = {"User-Agent": SOFTWARE} | ({"Range": f"bytes={there}-"} if there else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)


def _goes_on(answer: HTTPResponse, there: int) -> bool:
    """Whether a part of a file is the one that begins after so many bytes."""
    return answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")


def _passed(answer: BinaryIO, count: int) -> bool:
    """Reads so many bytes for nothing; whether there were as many."""
    while count and (chunk := answer.read(min(count, _CHUNK))):
        count -= len(chunk)
    return count == 0


def _copy(answer: BinaryIO, file: BinaryIO, there: int, total: int, progress: Progress) -> int:
    """Copies until the end, or beyond the total where one is known; how much is there."""
    while (not total or there <= total) and (chunk := answer.read(_CHUNK)):
        file.write(chunk)
        there += len(chunk)
        progress(min(there, total or there), total)
    return there
