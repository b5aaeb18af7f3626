"""From a request to a photo in line: everything is checked before anything is decoded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
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
from resilver.photofile.formats import FORMATS, RAW_SUFFIXES
from resilver.photofile.probing import Header, read_header
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
_MASK_BYTES = 30_000_000  # held in memory
_LONGEST_IDEMPOTENCY = 200
_LISTS = ("only", "skip", "force", "faces")
_RAW_FALLBACK = ".dng"  # rawpy goes by content; any name of a RAW file will do


async def request_of(request: Request) -> tuple[RestorationRequest, BinaryIO | None]:
    """What a request asks, and its photo where that came as a file.

    Raises:
        Refusal: 415 neither a form nor JSON, 422 not what the documentation says.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return RestorationRequest.model_validate_json(await request.body()), None
        if kind == "multipart/form-data":
            form = await request.form(
                max_files=2, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
            )
            return await _from_form(form)
    except ValidationError as error:
        raise Refusal(422, first_fault(error.errors())) from error
    except (MultiPartException, HTTPException) as error:
        if isinstance(error, HTTPException) and error.status_code != HTTPStatus.BAD_REQUEST:
            raise  # too large, or too slow
        raise Refusal(422, "the form cannot be read") from error
    raise Refusal(415, "send multipart/form-data with the file as photo, or application/json")


async def _from_form(form: FormData) -> tuple[RestorationRequest, BinaryIO | None]:
    values: dict[str, Any] = {}
    photo: BinaryIO | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name == "photo" and photo is None:
                photo = value.file
            elif name == "mask" and "mask" not in values:
                if (value.size or 0) > _MASK_BYTES:
                    raise Refusal(413, f"a mask has at most {_MASK_BYTES / 1e6:g} MB")
                values["mask"] = base64.b64encode(await value.read()).decode("ascii")
            else:
                raise Refusal(422, "the files of a form are photo and mask, one of each")
        elif name in _LISTS:
            parts = [part.strip() for part in value.split(",")]
            values[name] = [*values.get(name, ()), *(part for part in parts if part)]
        elif name == "hints":  # each has commas of its own
            values[name] = [*values.get(name, ()), *value.split()]
        elif name in values or name == "photo":
            raise Refusal(422, f"{name[:40]} is given twice, or is no file")
        elif value != "":
            values[name] = value
    return RestorationRequest.model_validate(values), photo


def take_in(
    service: Service,
    scratch: Scratch,
    visitor: Visitor,
    asked: RestorationRequest,
    file: BinaryIO | None,
    idempotency: str | None,
) -> Job:
    """Checks a photo, stores it, and puts it in line.

    Raises:
        Refusal: it is not taken, and why.
    """
    if idempotency is not None and not (
        1 <= len(idempotency) <= _LONGEST_IDEMPOTENCY and idempotency.isprintable()
    ):
        raise Refusal(422, f"an idempotency key has 1 to {_LONGEST_IDEMPOTENCY} characters")
    options = RestorationOptions.model_validate(
        asked.model_dump(include=set(RestorationOptions.model_fields))
    )
    with scratch.folder() as folder:
        upload = folder / "upload"
        _fetch(service, visitor, asked, file, upload)
        mask = folder / "mask"
        if asked.mask is not None:
            _write(mask, asked.mask)
        try:
            options.check(has_mask=asked.mask is not None)
        except OptionError as error:
            raise Refusal(422, str(error)) from error
        if asked.webhook is not None:
            if visitor.key is None:
                raise Refusal(422, "webhooks need a key, with whose secret they are signed")
            check_webhook(asked.webhook, service.settings.webhook_networks)
        header = _checked(service, upload)
        if asked.mask is not None:
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
            id=new_job_id(),
            photo=f"photo{_suffix_of(header)}",
            mask="mask" if asked.mask is not None else None,
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


def _fetch(
    service: Service,
    visitor: Visitor,
    asked: RestorationRequest,
    file: BinaryIO | None,
    upload: Path,
) -> None:
    """Lays the photo of a request down: it came as a file, as base64, or once before."""
    given = [content for content in (file, asked.photo, asked.of) if content is not None]
    if len(given) != 1:
        raise Refusal(422, "send the photo, or the id of a restoration whose photo is meant: of")
    if asked.of is None:
        _write(upload, file or asked.photo or "")
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
    if idempotency is None:
        await run_in_threadpool(service.queue.check_room, visitor)
    try:
        asked, file = await request_of(request)
        return await run_in_threadpool(take_in, service, scratch, visitor, asked, file, idempotency)
    finally:
        await request.close()  # the files of the form
