"""From a request to a photo in line: everything is checked before anything is decoded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from resilver.errors import OptionError, PhotoError
from resilver.photofile.formats import FALLBACK_SUFFIX, FORMATS, RAW_SUFFIXES
from resilver.photofile.probing import Header, read_header
from resilver.photofile.writing import format_for
from resilver.service.arrivals import Arrival, new_job_id
from resilver.service.jobs import EXPIRED, Job
from resilver.service.keys import Visitor
from resilver.service.options import RestorationOptions
from resilver.service.queue import checked_again
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.scratch import Scratch
from resilver.service.web.models import RestorationRequest, first_fault
from resilver.service.web.visitors import visible_job
from resilver.service.webhooks import check_webhook

_MOST_FIELDS = 40
_FIELD_BYTES = 64_000
_LONGEST_IDEMPOTENCY = 200
_FILES = ("photo", "mask")
_LISTS = ("only", "skip", "force", "faces")
_RAW_FALLBACK = ".dng"  # rawpy goes by content; any name of a RAW file will do


@dataclass(frozen=True)
class Sent:
    """What a request asks, and its pictures where they came as files."""

    asked: RestorationRequest
    photo: BinaryIO | None = None
    mask: BinaryIO | None = None
    unseen: bool = False  # for one answer: nobody may ask for it, or fetch its result, besides

    @property
    def has_mask(self) -> bool:
        """Whether damage was painted by hand."""
        return self.mask is not None or self.asked.mask is not None


async def request_of(request: Request) -> Sent:
    """What a request asks.

    Raises:
        Refusal: 415 neither a form nor JSON, 422 not what the documentation says.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return Sent(RestorationRequest.model_validate_json(await request.body()))
        if kind == "multipart/form-data":
            form = await request.form(
                max_files=2, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
            )
            return _from_form(form)
    except ValidationError as error:
        raise Refusal(422, first_fault(error.errors())) from error
    except (MultiPartException, HTTPException, UnicodeError) as error:
        if isinstance(error, HTTPException) and error.status_code != HTTPStatus.BAD_REQUEST:
            raise  # too large, or too slow
        raise Refusal(422, "the form cannot be read") from error
    raise Refusal(415, "send multipart/form-data with the file as photo, or application/json")


def _from_form(form: FormData) -> Sent:
    values: dict[str, Any] = {}
    files: dict[str, BinaryIO] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name not in _FILES or name in (*files, *values):
                raise Refusal(422, "the files of a form are photo and mask, one of each")
            files[name] = value.file
        elif name in _LISTS:
            parts = [part for part in map(str.strip, value.split(",")) if part]
            if value != "" and not parts:
                raise Refusal(422, f"the list {name} is empty: name something, or leave it out")
            values[name] = [*values.get(name, ()), *parts]
        elif name == "hints":  # each has commas of its own
            values[name] = [*values.get(name, ()), *value.split()]
        elif name in (*values, *files) or name == "photo":
            raise Refusal(422, f"{name[:40]} is given twice, or is no file")
        elif value != "":
            values[name] = value
    return Sent(RestorationRequest.model_validate(values), files.get("photo"), files.get("mask"))


def take_in(
    service: Service,
    scratch: Scratch,
    visitor: Visitor,
    sent: Sent,
    idempotency: str | None = None,
) -> Job:
    """Checks a photo, stores it, and puts it in line.

    Raises:
        Refusal: it is not taken, and why.
    """
    if idempotency is not None and not (
        1 <= len(idempotency) <= _LONGEST_IDEMPOTENCY and idempotency.isprintable()
    ):
        raise Refusal(422, f"an idempotency key has 1 to {_LONGEST_IDEMPOTENCY} characters")
    asked = sent.asked
    options = RestorationOptions.model_validate(
        asked.model_dump(include=set(RestorationOptions.model_fields))
    )
    with scratch.folder() as folder:
        upload = folder / "upload"
        _fetch(service, visitor, sent, upload)
        mask = folder / "mask"
        if sent.has_mask:
            _write(mask, sent.mask or asked.mask or "")
        try:
            options.check(has_mask=sent.has_mask)
        except OptionError as error:
            raise Refusal(422, str(error)) from error
        if asked.webhook is not None:
            if visitor.key is None:
                raise Refusal(422, "webhooks need a key, with whose secret they are signed")
            check_webhook(asked.webhook, service.settings.webhook_networks)
        header = _checked(service, upload)
        if sent.has_mask:
            _check_mask(_checked(service, mask), header)
        text = options.model_dump_json()
        fingerprint = _fingerprint(upload, mask, text)
        if idempotency is not None:
            known = service.queue.known(visitor, idempotency)
            if known is not None:
                return checked_again(known, fingerprint)
        _check_result(service, header, options)
        service.queue.check_room(visitor, header.megapixels)
        arrival = Arrival(
            id=new_job_id(unseen=sent.unseen),
            photo=f"photo{_suffix_of(header)}",
            mask="mask" if sent.has_mask else None,
            format=header.format,
            size=header.size,
            options=text,
            stages=options.work(),
            fingerprint=fingerprint,
            idempotency=idempotency,
            webhook=asked.webhook,
            times_larger=options.times_larger,
        )
        return _submit(service, visitor, arrival, upload, mask)


def _submit(service: Service, visitor: Visitor, arrival: Arrival, upload: Path, mask: Path) -> Job:
    try:
        service.storage.put(upload, f"{arrival.id}/{arrival.photo}")
        if arrival.mask is not None:
            service.storage.put(mask, f"{arrival.id}/{arrival.mask}")
        job = service.queue.submit(visitor, arrival)
    except BaseException:
        service.storage.delete(arrival.id)
        raise
    if job.id != arrival.id:  # another request with the same idempotency key was faster
        service.storage.delete(arrival.id)
    return job


def _fetch(service: Service, visitor: Visitor, sent: Sent, upload: Path) -> None:
    """Lays the photo of a request down: it came as a file, as base64, or once before."""
    asked = sent.asked
    given = [content for content in (sent.photo, asked.photo, asked.of) if content is not None]
    if len(given) != 1:
        raise Refusal(422, "send the photo, or the id of a restoration whose photo is meant: of")
    if asked.of is None:
        _write(upload, sent.photo or asked.photo or "")
        return
    earlier = visible_job(service, visitor, asked.of)
    if earlier.state == EXPIRED:
        raise Refusal(410, "it has expired and was deleted")
    try:
        service.storage.get(f"{earlier.folder}/{earlier.photo}", upload)
    except FileNotFoundError as error:  # deleted in this very moment
        raise Refusal(410, "it was deleted") from error


def _write(path: Path, content: str | BinaryIO) -> None:
    with path.open("wb") as target:
        if not isinstance(content, str):
            shutil.copyfileobj(content, target)
            return
        text = content.partition("base64,")[2] if content.startswith("data:") else content
        try:
            target.write(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise Refusal(422, "the picture is not base64") from error


def _checked(service: Service, path: Path) -> Header:
    """The header of a picture that may be opened.

    Raises:
        Refusal: 415 no picture that is restored, 413 too large.
    """
    try:
        header = read_header(path)
    except PhotoError as error:
        raise Refusal(415, error.reason) from error
    most = service.settings.limits.max_megapixels
    if header.megapixels > most:
        raise Refusal(
            413, f"{header.megapixels:.4g} megapixels are more than the {most:g} that are taken"
        )
    return header


def _check_result(service: Service, photo: Header, options: RestorationOptions) -> None:
    megapixels = options.times_larger**2 * photo.megapixels
    most = service.settings.limits.max_megapixels
    if megapixels > most:
        raise Refusal(
            413,
            f"the result would have {megapixels:.4g} megapixels, more than {most:g}",
        )
    own = FALLBACK_SUFFIX.get(photo.format, _suffix_of(photo))
    suffix = own if options.ext is None else f".{options.ext}"
    try:
        format_for(Path(f"result{suffix}"), options.times_larger * max(photo.size))
    except PhotoError as error:
        raise Refusal(422, error.reason) from error


def _check_mask(mask: Header, photo: Header) -> None:
    # A photo may lie on its side in the file, so sides are compared without their order.
    if sorted(mask.size) != sorted(photo.size):
        (mask_height, mask_width), (height, width) = mask.size, photo.size
        raise Refusal(
            422, f"the mask is {mask_width} x {mask_height} pixels, the photo {width} x {height}"
        )


def _suffix_of(header: Header) -> str:
    if header.format == "raw":
        assert _RAW_FALLBACK in RAW_SUFFIXES
        return _RAW_FALLBACK
    known = FORMATS.get(header.format)
    return f".{header.format}" if known is None else known.suffixes[0]


def _fingerprint(upload: Path, mask: Path, options: str) -> str:
    digest = hashlib.sha256(options.encode("utf-8"))
    for path in (upload, mask):
        if path.exists():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


async def receive_photo(
    request: Request, service: Service, scratch: Scratch, visitor: Visitor
) -> Job:
    """A whole request, from its first byte to its place in line.

    Raises:
        Refusal: it is not taken, and why.
    """
    # Before the photo is read: who has no room left need not send it.
    idempotency = request.headers.get("idempotency-key")
    if idempotency is None or not await run_in_threadpool(
        service.queue.known, visitor, idempotency
    ):
        await run_in_threadpool(service.queue.check_room, visitor)
    try:
        sent = await request_of(request)
        return await run_in_threadpool(take_in, service, scratch, visitor, sent, idempotency)
    finally:
        await request.close()  # the files of the form
