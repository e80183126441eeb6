"""E-mail over the operator's own mail server."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from email.errors import MessageError
from email.message import EmailMessage
from typing import NamedTuple

from services.retention.delivery import Answer, Outgoing

AddressOf = Callable[[Outgoing], Awaitable[str | None]]
"""Whom a message is for -> their e-mail address, None when there is none: whoever holds it sealed answers, it is not kept here."""

STEP_SECONDS = 3.0
"""Each step of the dialogue: with all of them a call still stays well within a lease."""


class AddressNotKnown(Exception):
    """Who holds the addresses gave no answer, or refused one: there may be one all the same. `code` says what happened, without the address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Server(NamedTuple):
    host: str
    port: int
    sender: str
    starttls: bool = True
    user: str | None = None
    password: str = ""


class Smtp:
    """Mail has no idempotency key: the Message-ID is the same at every attempt, and many mailboxes show one of the same id once."""

    def __init__(self, server: Server, address_of: AddressOf) -> None:
        self._server, self._address_of = server, address_of

    async def send(self, message: Outgoing) -> Answer:
        try:
            address = await self._address_of(message)
        except AddressNotKnown as error:
            return Answer("retry", error.code)
        if address is None:
            return Answer("unaddressed", "no_address")
        try:
            mail = self._mail(message, address)
        except (ValueError, MessageError):
            return Answer("unaddressed", "bad_address")
        return await asyncio.to_thread(self._send, mail, address)

    def _mail(self, message: Outgoing, address: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._server.sender, address, message.subject
        mail["Message-ID"] = f"<{message.message_id}@{self._server.sender.partition('@')[2]}>"
        mail.set_content(message.body)
        return mail

    def _send(self, mail: EmailMessage, address: str) -> Answer:
        """Only numbers are kept of what the server says: its words hold the address."""
        try:
            self._talk(mail, address)
        except smtplib.SMTPRecipientsRefused as error:
            return _answer_to_recipient(*next(iter(error.recipients.values())))
        except smtplib.SMTPAuthenticationError as error:
            return Answer("retry", f"smtp_{error.smtp_code}")  # our own fault, not the recipient's
        except smtplib.SMTPResponseException as error:
            return _answer_to(error.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return Answer("retry", "no_tls")
        except (smtplib.SMTPException, OSError) as error:
            return Answer("retry", "timeout" if isinstance(error, TimeoutError) else "unreachable")
        return Answer("accepted", "smtp_250")

    def _talk(self, mail: EmailMessage, address: str) -> None:
        server = self._server
        smtp = smtplib.SMTP(server.host, server.port, local_hostname=server.sender.partition("@")[2], timeout=STEP_SECONDS)
        try:
            if server.starttls:
                smtp.starttls(context=ssl.create_default_context())
            if server.user is not None:
                smtp.login(server.user, server.password)
            smtp.send_message(mail, server.sender, [address])
            # It is taken over: how the goodbye goes must not make it look otherwise.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()


def _answer_to_recipient(status: int, said: bytes) -> Answer:
    """A mailbox that is not there is told from other refusals by its class (RFC 3463: 5.1.x), which is a number too."""
    return Answer("refused", "bad_mailbox") if status >= 500 and said.startswith(b"5.1.") else _answer_to(status)


def _answer_to(status: int) -> Answer:
    """5xx is for good, 4xx and the line going down (-1) are not."""
    return Answer("refused" if status >= 500 else "retry", f"smtp_{status}")
