"""R10: from a warning to a mail in a mailbox: the worker as it runs, its address asked of the customer service, over a real mail server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web
from pydantic import SecretStr

from services.__main__ import topics_of
from services.retention.channels.addresses import TRIES, Addresses
from services.retention.channels.smtp import AddressNotKnown
from services.retention.delivery import Outgoing
from services.retention.tables import CAMPAIGNS, MESSAGE_ATTEMPTS, MESSAGES
from services.retention.templates import Key
from services.retention.use_cases import messages as use_cases
from shared import clock
from shared.database import Database
from shared.settings import Settings
from tests.builders import activated, registered
from tests.databases import migrated
from tests.harness import ServiceUnderTest, listening, until
from tests.retention.builders import CAMPAIGN_ID, alert, customer, zone_where_it_is
from tests.retention.test_messages import let_time_pass

SECRET = "a secret of thirty-two characters"
CANARY = "wu.canary@example.org"
MESSAGE = Outgoing("m-1", "C-1", "email", "save", "en", "Hello", "Dear Wu")


@dataclass
class Mailbox:
    """A mail server. `kills`: the process that ends right after it handed a mail over, before it heard that it was taken."""

    mails: list[str] = field(default_factory=list)
    kills: Process | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            if line.upper() == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                if self.kills:
                    self.kills.send_signal(signal.SIGKILL)
                    break
            writer.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")
        writer.close()

    @property
    def ids(self) -> list[str]:
        return [found[1] for mail in self.mails if (found := re.search(r"Message-ID: <(.+)@", mail))]


@asynccontextmanager
async def worker(environment: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    """The retention worker as `make run` starts it."""
    with log.open("ab") as lines:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services", "retention", "worker", env=os.environ | environment, stdout=lines, stderr=lines
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def states(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list(await connection.scalars(sa.select(MESSAGES.c.state)))


async def prepare(database: Database) -> None:
    """The seeded campaign writes e-mails, by a template."""
    await migrated("retention", database)
    async with database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(channel="email"))
        await use_cases.add_template(tx, Key("email", CAMPAIGN_ID), subject="Stay", body="{{ offer.name }} for you", actor="A-1")


async def test_from_a_warning_to_the_mailbox_across_a_kill(tmp_path: Path) -> None:
    """R10: killed with the mail handed over and nothing noted, it goes out again under the same Message-ID, which is all that SMTP allows: who keeps
    one of each id has it once. The address is asked for each attempt, put down each time, and is in no log and no table of ours."""
    settings = Settings(data_dir=tmp_path, log_level="error", service_secret=SecretStr(SECRET))
    database, mailbox, one = Database(settings.database_url("retention")), Mailbox(), customer()
    async with ServiceUnderTest("customer", settings) as customers, listening(customers.app) as url:
        await prepare(database)
        await customers.bus.create_topics(topics_of(["retention"]))
        post_office = await asyncio.start_server(mailbox.serve, "127.0.0.1", 0)
        environment = {
            "HOLDFAST_DATA_DIR": str(tmp_path), "HOLDFAST_CUSTOMER_URL": url, "HOLDFAST_SERVICE_SECRET": SECRET, "HOLDFAST_LOG_LEVEL": "debug",
            "HOLDFAST_RETENTION_EMAIL_BY": "smtp", "HOLDFAST_RETENTION_SMTP_HOST": "127.0.0.1", "HOLDFAST_RETENTION_SMTP_STARTTLS": "false",
            "HOLDFAST_RETENTION_SMTP_PORT": str(post_office.sockets[0].getsockname()[1]),
        }  # fmt: skip
        points = [{"kind": "email", "value": CANARY, "verified": True}]
        agreed = [{"channel": "email", "granted": True}]
        await customers.send(registered(one, contact_points=points, consents=agreed, timezone=zone_where_it_is(14)), activated(one))
        await customers.bus.publish([alert(one)])
        log = tmp_path / "worker.log"
        async with post_office:
            async with worker(environment, log) as first:
                mailbox.kills = first
                assert await first.wait() == -signal.SIGKILL
            mailbox.kills = None
            assert await states(database) == ["sending"]
            await let_time_pass(database)
            async with worker(environment, log):
                await until(lambda: sent(database))
        noted = (await customers.http.get("/audit", params={"action": "address"})).json()["items"]
    [message_id] = set(mailbox.ids)
    assert len(mailbox.mails) == 2 and all(f"To: {CANARY}" in mail for mail in mailbox.mails)
    async with database.reading() as connection:
        attempts = [tuple(row) for row in await connection.execute(sa.select(MESSAGE_ATTEMPTS.c.message_id, MESSAGE_ATTEMPTS.c.code))]
    assert attempts == [(message_id, None), (message_id, "smtp_250")]
    assert [(entry["actor"], entry["customer_id"], entry["details"]["purpose"]) for entry in noted] == [("holdfast/retention", one, CAMPAIGN_ID)] * 2
    await database.close()
    assert CANARY not in everything_written(tmp_path)


def everything_written(folder: Path) -> str:
    """By the worker: its log and its database."""
    files = [folder / "worker.log", *folder.glob("retention.db*")]
    assert len(files) >= 2
    return "".join(path.read_bytes().decode("latin-1") for path in files)


async def sent(database: Database) -> bool:
    return await states(database) == ["sent"]


class Answers:
    """A customer service that answers what it is told to."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.calls = list(statuses), 0

    async def take(self, request: web.Request) -> web.Response:
        self.calls += 1
        assert request.headers["X-Service-Secret"] == SECRET
        status = self.statuses.pop(0)
        if status == 0:
            await asyncio.sleep(5)
        return web.json_response({"customer_id": "C-1", "address": CANARY}, status=status) if status != 299 else web.Response(text=CANARY)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((200,), CANARY),
        ((503, 200), CANARY),
        ((0, 200), CANARY),
        ((404,), None),
        ((410,), None),
        ((503, 503), "resolver_503"),
        ((403, 403), "resolver_403"),
        ((302, 302), "resolver_302"),
        ((299, 299), "resolver_not_understood"),
    ],
)
async def test_what_the_customer_service_answers(statuses: tuple[int, ...], expected: str | None) -> None:
    """R10: trouble is tried once more and then left to the queue, under a code that says what it was and not whose address; nobody there is nobody."""
    answers = Answers(*statuses)
    served = web.Application()
    served.router.add_get("/{any:.*}", answers.take)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with Addresses(f"http://127.0.0.1:{runner.addresses[0][1]}", SECRET) as addresses:
        if expected is None or "@" in expected:
            assert await addresses(MESSAGE) == expected
        else:
            with pytest.raises(AddressNotKnown, match=expected):
                await addresses(MESSAGE)
    await runner.cleanup()
    assert answers.calls == len(statuses) <= TRIES


async def test_a_customer_service_that_is_away_costs_no_message() -> None:
    """R10"""
    started = clock.monotonic()
    async with Addresses("http://127.0.0.1:1", SECRET) as addresses:
        with pytest.raises(AddressNotKnown, match="no_resolver"):
            await addresses(MESSAGE)
    assert clock.monotonic() - started < 5
