"""Why a request is not granted, in words for the person and a status for the program."""

from __future__ import annotations

from resilver.errors import ServiceError


class Refusal(ServiceError):
    """A request that is not granted.

    Args:
        status: of HTTP (RFC 9110).
        words: one sentence for the person.
        retry_after_s: when it is worth another try.
    """

    def __init__(self, status: int, words: str, *, retry_after_s: float | None = None) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(words)
