"""`/v1/credits`: a payment provider, or the one who speaks for it, adds photos to a key."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from resilver.service.refusal import Refusal
from resilver.service.signing import HEADER, is_signed
from resilver.service.web.models import Credits, TopUp, first_fault, problems
from resilver.service.web.visitors import service_of

router = APIRouter(prefix="/v1/credits", tags=["credits"])
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": TopUp.model_json_schema()}},
    }
}


@router.post(
    "",
    response_model=Credits,
    openapi_extra=_BODY,
    responses=problems(401, 404, 409, 413, 422),
)
async def top_up(
    request: Request, signature: Annotated[str, Header(alias=HEADER, max_length=200)]
) -> Credits:
    """Add photos to a key, once for each event.

    The body is signed with the secret of `--top-up-secret`: `t=SECONDS,v1=HEX`, where HEX is the
    HMAC-SHA-256 of "SECONDS." and the body.
    """
    service = service_of(request)
    secret = service.settings.top_up_secret
    if secret is None:
        raise Refusal(404, "there are no credits here")
    body = await request.body()
    if not is_signed(secret, body, signature):
        raise Refusal(401, "the signature is wrong or older than five minutes")
    try:
        asked = TopUp.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(422, first_fault(error.errors())) from error
    left = await run_in_threadpool(service.keys.top_up, asked.key, asked.photos, asked.event)
    return Credits(key=asked.key, credits=left)
