"""Who sent a request: a key, the machine itself, or a guest."""

from __future__ import annotations

import base64
import hashlib
import hmac
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request

from resilver.service.arrivals import is_job_id
from resilver.service.jobs import Job, find_job
from resilver.service.keys import Visitor
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.settings import ANYONE, FREE

_GUEST = "guest:"
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def service_of(request: Request) -> Service:
    """The service that the app belongs to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def visitor_of(request: Request) -> Visitor:
    """Who sent a request.

    Raises:
        Refusal: 401, a key is needed, or this one opens nothing.
    """
    known = getattr(request.state, "visitor", None)
    if isinstance(known, Visitor):
        return known
    service = service_of(request)
    limits = service.settings.limits
    text = request.headers.get("authorization")
    if text is not None:
        key = service.keys.find(_key_in(text))
        if key is None:
            raise Refusal(401, "this key opens nothing")
        visitor = key.visitor
    elif is_from_here(request):
        # Whoever sits at the machine may fill it.
        visitor = Visitor(ANYONE, FREE, limits.queued_in_all, float("inf"))
    elif service.settings.public:
        visitor = Visitor(
            _GUEST + _hash_of(request, service),
            FREE,
            limits.queued_per_owner,
            limits.megapixels_per_owner,
        )
    else:
        raise Refusal(401, "a key is needed: Authorization: Bearer rsv_...")
    request.state.visitor = visitor
    return visitor


def job_for(request: Request, visitor: Visitor, job_id: str) -> Job:
    """A job that this visitor may see: his own, or a guest's, to which the id itself is the key.

    Raises:
        Refusal: 404; there is no such job, or it is somebody else's, which is the same to him.
    """
    return visible_job(service_of(request), visitor, job_id)


Who = Annotated[Visitor, Depends(visitor_of)]


def _wanted_job(request: Request, visitor: Who, job_id: str) -> Job:
    return job_for(request, visitor, job_id)


Wanted = Annotated[Job, Depends(_wanted_job)]


def visible_job(service: Service, visitor: Visitor, job_id: str) -> Job:
    """The same, for those who have no request at hand.

    Raises:
        Refusal: 404.
    """
    job = find_job(service.database, job_id) if is_job_id(job_id) else None
    if job is None or not (job.owner == visitor.owner or job.owner.startswith(_GUEST)):
        raise Refusal(404, "there is no such restoration")
    return job


def is_guest(visitor: Visitor) -> bool:
    """Whether he came without a key from elsewhere."""
    return visitor.owner.startswith(_GUEST)


def is_from_here(request: Request) -> bool:
    """Whether a request was sent by a person at this machine, and by no web site he looks at.

    A proxy on this machine speaks from here for others, and most say so; where people come through
    one, or from anywhere, nobody is taken to be from here. A page from elsewhere may send a form
    here, or have its name resolve to here; then the browser says so.
    """
    settings = service_of(request).settings
    if settings.public or settings.proxy is not None:
        return False
    host = request.headers.get("host", "").rpartition(":")
    name = host[0] if host[1] and host[2].isdigit() else "".join(host)
    return (
        _peer_is(request, "loopback")
        and not any(header in request.headers for header in _FORWARDED)
        and name.lower() in _OWN_NAMES
        and request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        and _own_origin(request)
    )


def is_from_inside(request: Request) -> bool:
    """Whether a request comes from a private network, and not through a proxy."""
    return _peer_is(request, "private") and not any(
        header in request.headers for header in _FORWARDED
    )


def _own_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def _peer_is(request: Request, kind: str) -> bool:
    try:
        address = ip_address("" if request.client is None else request.client.host)
    except ValueError:
        return False
    return address.is_loopback if kind == "loopback" else address.is_private


def _hash_of(request: Request, service: Service) -> str:
    """A guest's address, kept only as what it hashes to; of IPv6 the network of a household."""
    host = "" if request.client is None else request.client.host
    try:
        address = ip_address(host)
        if isinstance(address, IPv6Address):
            # A proxy that listens on both may send an address of IPv4 in the clothes of IPv6.
            plain = address.ipv4_mapped
            host = str(plain or ip_network(f"{address}/64", strict=False))
    except ValueError:
        pass
    secret = bytes.fromhex(service.database.fact("secret"))
    return hmac.new(secret, f"guest:{host}".encode(), hashlib.sha256).hexdigest()[:24]


def _key_in(header: str) -> str:
    """The key in an Authorization header: a bearer's, or the password of HTTP Basic."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8").rpartition(":")[2]
        except ValueError:  # no base64, or no text in it
            return ""
    return ""
