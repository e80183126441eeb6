"""A POST to the address that somebody named, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NamedTuple, Self

import httpx

from shared import clock
from shared.tls import trusted
from shared.webhooks.guard import AddressRefused, Network, Resolve, address_of, resolve
from shared.webhooks.signing import KEY_HEADER, SIGNATURE_HEADER, sign

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
LONGEST_CALL_SECONDS = 20.0
"""Whatever happens, a call has ended by then."""


class Said(NamedTuple):
    """The receiver's status, None when there was none. `code` says it, or what went wrong: never the receiver's words, which may be anything."""

    status: int | None
    code: str
    retry_after_seconds: float | None = None


class Poster:
    """To one URL. `async with` holds its connections; several URLs do not share them: a connection was checked for the name it was opened for."""

    def __init__(self, url: str, secret: str, *, allowed: Sequence[Network] = (), resolver: Resolve = resolve, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url, self._secret, self._allowed, self._resolver = httpx.URL(url), secret, allowed, resolver
        # No proxy of the environment: it would resolve the name again. No redirect: it would leave the address that was checked.
        timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout, verify=trusted())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def post(self, body: bytes, *, content_type: str, key: str) -> Said:
        """Signed now, with the key by which the receiver tells what it has already."""
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await self._call(body, {"Content-Type": content_type, KEY_HEADER: key})
        except AddressRefused:
            return Said(None, "address_refused")
        except (TimeoutError, httpx.TimeoutException):
            return Said(None, "timeout")
        except (httpx.TransportError, OSError):
            return Said(None, "unreachable")

    async def _call(self, body: bytes, headers: Mapping[str, str]) -> Said:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        address = await address_of(self._url.host, port, allowed=self._allowed, resolver=self._resolver)
        response = await self._client.send(self._request(body, headers, str(address)), stream=True)
        try:
            return Said(response.status_code, f"http_{response.status_code}", _retry_after(response.headers.get("Retry-After")))
        finally:
            await response.aclose()  # what it says is not read: it may be anything, of any length

    def _request(self, body: bytes, headers: Mapping[str, str], address: str) -> httpx.Request:
        """To the address that was checked, in the name of the host: TLS asks for the certificate of that name."""
        signature = sign(self._secret, body, at=int(clock.wall().timestamp()))
        named = {"Host": self._url.netloc.decode("ascii"), **headers, SIGNATURE_HEADER: signature}
        extensions = {"sni_hostname": self._url.host, "timeout": self._client.timeout.as_dict()}
        return httpx.Request("POST", self._url.copy_with(host=address), headers=named, content=body, extensions=extensions)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header; None for what is neither."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        at: datetime = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - clock.wall()).total_seconds())
