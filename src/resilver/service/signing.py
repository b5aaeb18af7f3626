"""Signed messages between two programs that share a secret: HMAC-SHA-256 (RFC 2104) with a time.

A signature is `t=SECONDS,v1=HEX`: the HMAC of "SECONDS." and the body. The time is signed too, so
that whoever overhears a message cannot send it again next week.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

HEADER = "Resilver-Signature"
TOLERANCE_S = 300.0
_FORM = re.compile(r"t=(?P<at>[0-9]{1,12}),v1=(?P<digest>[0-9a-f]{64})", re.ASCII)


def sign(secret: str, body: bytes, at_s: float | None = None) -> str:
    """The signature of a message.

    Args:
        at_s: seconds since 1970; None = now.
    """
    at = int(time.time() if at_s is None else at_s)
    return f"t={at},v1={_digest(secret, at, body)}"


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether a message was signed with this secret within the last five minutes."""
    parts = _FORM.fullmatch(signature)
    if parts is None:
        return False
    at = int(parts["at"])
    recent = abs(time.time() - at) <= TOLERANCE_S
    return hmac.compare_digest(parts["digest"], _digest(secret, at, body)) and recent


def webhook_secret(service_secret: str, key_id: str) -> str:
    """The secret that signs the webhooks of one key; derived, so that it is stored nowhere."""
    return hmac.new(
        bytes.fromhex(service_secret), f"webhook:{key_id}".encode("ascii"), hashlib.sha256
    ).hexdigest()


def _digest(secret: str, at: int, body: bytes) -> str:
    message = f"{at}.".encode("ascii") + body
    return hmac.new(secret.encode("utf-8"), message, hashlib.sha256).hexdigest()
