"""Webhooks: a person's own server is told that a photo is done; never a machine inside ours.

A name may lead to a private address, and may lead elsewhere a moment later. So it is resolved once,
every address it gives is checked, and the connection goes to the checked address itself. Between
two calls it waits in line, not in the hands of a worker; of the answer the status alone is read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import threading
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

from resilver.service.database import Database
from resilver.service.dispatch import MOST_CALLS, Dispatch
from resilver.service.jobs import Job, find_job
from resilver.service.refusal import Refusal
from resilver.service.settings import Settings
from resilver.service.signing import HEADER, sign, webhook_secret

LOG = logging.getLogger("resilver.service")
_FIRST_PAUSE_S = 2.0
_TIMEOUT_S = 10.0  # of a whole call
_RESOLVED_S = 5.0  # longest time for the addresses of a name
_LONGEST_URL = 2000
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
# What Python calls global and is not: site-local (RFC 3879), of the IETF's protocols (RFC 6890),
# and the address at which a cloud (Azure) speaks to its machines.
_NOT_PUBLIC = tuple(map(ip_network, ("fec0::/10", "192.0.0.0/24", "168.63.129.16/32")))


class Webhooks:
    """Calls the webhooks of finished jobs.

    Args:
        first_pause_s: before the second call; each further pause is four times as long.
        timeout_s: longest time of one call.
    """

    def __init__(
        self,
        database: Database,
        dispatch: Dispatch,
        settings: Settings,
        first_pause_s: float = _FIRST_PAUSE_S,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._database = database
        self._dispatch = dispatch
        self._networks = settings.webhook_networks
        self._first_pause_s = first_pause_s
        self._timeout_s = timeout_s

    def deliver(self, job_id: str, call: int) -> None:
        """Calls the webhook of a job; unless it answers with success, lets it be called again.

        Args:
            call: which one it is, from 1 on; the last is `MOST_CALLS`.
        """
        job = find_job(self._database, job_id)
        if job is None or job.webhook is None:
            return
        outcome = self._call(job, job.webhook)
        if outcome is None:
            return
        LOG.info("webhook of workflow %s, call %d: %s", job.workflow, call, outcome)
        if call < MOST_CALLS:
            pause_s = self._first_pause_s * 4.0 ** (call - 1) * random.uniform(0.8, 1.2)
            with self._database.writing() as connection:
                self._dispatch.announce(connection, job, call + 1, pause_s)

    def _call(self, job: Job, url: str) -> str | None:
        """One call; what went wrong, without the URL, or None."""
        values = {"event": "restoration.ended", "id": job.id, "status": job.state}
        body = json.dumps(values).encode("utf-8")
        key_id = job.owner.removeprefix("key:")
        secret = webhook_secret(self._database.fact("secret"), key_id)
        try:
            address = checked_address(url, self._networks)
            status = asyncio.run(self._status(url, address, body, sign(secret, body)))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, Refusal) as error:
            return type(error).__name__
        return None if 200 <= status < 300 else f"status {status}"

    async def _status(
        self, url: str, address: IPv4Address | IPv6Address, body: bytes, signature: str
    ) -> int:
        """What the answer begins with; the rest of it is not read."""
        parts = urlsplit(url)
        host = f"[{address}]" if address.version == 6 else str(address)
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        # Not httpx's timeout alone, which begins anew with every byte.
        async with (
            asyncio.timeout(self._timeout_s),
            httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client,
            client.stream(
                "POST",
                parts._replace(netloc=netloc).geturl(),
                content=body,
                headers={
                    "Host": parts.netloc,
                    "Content-Type": "application/json",
                    HEADER: signature,
                },
                extensions={"sni_hostname": parts.hostname},
            ) as answer,
        ):
            return answer.status_code


def check_webhook(url: str, networks: tuple[str, ...]) -> None:
    """Refuses a URL that cannot be a webhook.

    Raises:
        Refusal: 422.
    """
    checked_address(url, networks)


def checked_address(url: str, networks: tuple[str, ...]) -> IPv4Address | IPv6Address:
    """The address to call, once every address of the name was found to be in the open internet.

    Args:
        networks: private ones that are allowed all the same, as CIDR.

    Raises:
        Refusal: 422, no such URL, or one that leads to a private address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Refusal(422, "the webhook is no URL") from error
    if (
        len(url) > _LONGEST_URL
        or parts.scheme not in ("https", "http")
        or not parts.hostname
        or parts.username is not None
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise Refusal(422, "a webhook is https://HOST/PATH, without a user name in it")
    try:
        addresses = _addresses(parts.hostname, port)
    except (OSError, UnicodeError) as error:
        raise Refusal(422, "the host of the webhook is not known") from error
    for address in addresses:
        if not _may_be_called(address, networks):
            raise Refusal(422, "the webhook leads to a private address")
    return addresses[0]


def _addresses(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """Every address of a name.

    The system's own call may take minutes where a name server keeps silent, and cannot be broken
    off: it is left behind in a thread that nobody waits for.

    Raises:
        OSError: there is none, or no answer in time (TimeoutError).
    """
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)
        else:
            answer.set_result([str(entry[4][0]) for entry in found])

    threading.Thread(target=ask, name="resolving a webhook", daemon=True).start()
    return [ip_address(text.partition("%")[0]) for text in answer.result(_RESOLVED_S)]


def _may_be_called(address: IPv4Address | IPv6Address, networks: tuple[str, ...]) -> bool:
    if any(address in ip_network(network) for network in networks):
        return True
    # An IPv6 address may carry an IPv4 one inside, which is the one that counts.
    inner = None
    if isinstance(address, IPv6Address):
        teredo = address.teredo
        inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None and not _may_be_called(inner, networks):
        return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
