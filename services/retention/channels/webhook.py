"""Messages posted to an SMS, push or mail gateway: signed, with an idempotency key, and only to an address that may be called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
import orjson

from services.retention.channels.guard import AddressRefused, Network, Resolve, address_of, resolve
from services.retention.delivery import KEY_HEADER, LONGEST_CALL_SECONDS, SIGNATURE_HEADER, Answer, Outgoing, answer_to_status, sign
from shared import clock

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


class Webhook:
    """The body is the same at every attempt; only the time in the signature moves. `async with` holds its connections."""

    def __init__(self, url: str, secret: str, *, allowed: Sequence[Network] = (), resolver: Resolve = resolve, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url, self._secret, self._allowed, self._resolver = httpx.URL(url), secret, allowed, resolver
        # No proxy of the environment: it would resolve the name again. No redirect: it would leave the address that was checked.
        timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def send(self, message: Outgoing) -> Answer:
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await self._call(message)
        except AddressRefused:
            return Answer("retry", "address_refused")
        except (TimeoutError, httpx.TimeoutException):
            return Answer("retry", "timeout")
        except (httpx.TransportError, OSError):
            return Answer("retry", "unreachable")

    async def _call(self, message: Outgoing) -> Answer:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        address = await address_of(self._url.host, port, allowed=self._allowed, resolver=self._resolver)
        response = await self._client.send(self._request(message, str(address)), stream=True)
        try:
            return answer_to_status(response.status_code, _retry_after(response.headers.get("Retry-After")))
        finally:
            await response.aclose()  # what it says is not read: it may be anything, of any length

    def _request(self, message: Outgoing, address: str) -> httpx.Request:
        """To the address that was checked, in the name of the host: TLS asks for the certificate of that name."""
        body = orjson.dumps(message._asdict())
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            KEY_HEADER: message.message_id,
            SIGNATURE_HEADER: sign(self._secret, body, at=int(clock.wall().timestamp())),
        }
        extensions = {"sni_hostname": self._url.host, "timeout": self._client.timeout.as_dict()}
        return httpx.Request("POST", self._url.copy_with(host=address), headers=headers, content=body, extensions=extensions)


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
