"""R10: templates, the queue of messages, the channels they leave by, and that none is lost or sent twice."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.retention import delivery
from services.retention.api import app as api
from services.retention.channels.opening import open_channels
from services.retention.channels.sink import Sink
from services.retention.channels.smtp import Server, Smtp
from services.retention.channels.webhook import Webhook
from services.retention.delivery import LEASE, Answer, Channel, Outgoing
from services.retention.repository import messages as repository
from services.retention.settings import load
from services.retention.tables import MESSAGE_ATTEMPTS, MESSAGES, OUTBOX
from services.retention.templates import ANY, Key, Template, TemplateRefused, check, choose, missing, render
from services.retention.use_cases import messages as use_cases
from services.retention.use_cases.messages import Wanted
from shared import clock
from shared.contracts import topics
from shared.contracts.decoding import decode
from shared.database import Database, Transaction
from shared.settings import Settings
from shared.webhooks import signing
from shared.webhooks.backoff import GIVE_UP_AFTER, LONGEST_DELAY, delay_after
from shared.webhooks.guard import resolve
from tests.builders import NOON
from tests.databases import migrated
from tests.documented import documented
from tests.harness import ServiceUnderTest

SECRET = "a secret of thirty-two characters"
LOCAL = (ip_network("127.0.0.0/8"),)
BODY = "Dear {{ name }}"


# What stands around a test


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url("retention"))
    await migrated("retention", opened)
    yield opened
    await opened.close()


@pytest.fixture
async def http(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = api(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        checks = {"response": [documented("retention", app)]}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", event_hooks=checks) as client:
            yield client


@dataclass
class Gateway:
    """A receiver as the guide asks for one: it drops what it has by the key. `statuses`: what it answers, then 200."""

    statuses: list[int] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    delay_seconds: float = 0.0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls.append((request.headers.copy(), body))
        await asyncio.sleep(self.delay_seconds)
        status = self.statuses.pop(0) if self.statuses else 200
        if status < 300:
            self.kept.setdefault(request.headers["Idempotency-Key"], body)
        return web.Response(status=status, headers=dict(self.headers))


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    served = web.Application()
    served.router.add_post("/{any:.*}", made.take)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def webhook(gateway: Gateway) -> AsyncIterator[Webhook]:
    async with Webhook(gateway.url, SECRET, allowed=LOCAL) as opened:
        yield opened


class Counting:
    """Answers what it is told, and counts who is being called at the same time."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.sent, self.busy = list(answers), Counter[str](), set[str]()

    async def send(self, message: Outgoing) -> Answer:
        assert message.message_id not in self.busy, "called twice at once"
        self.busy.add(message.message_id)
        self.sent[message.message_id] += 1
        await asyncio.sleep(0.001)
        self.busy.remove(message.message_id)
        return self.answers.pop(0) if self.answers else Answer("accepted", "http_200")


def wanted(number: int = 1, **changes: Any) -> Wanted:
    values: dict[str, Any] = {"decision_id": f"d-{number}", "customer_id": f"C-{number}", "channel": "sms", "purpose": "save", "language": "en"}
    return Wanted(**values | {"variables": {"name": f"N{number}"}} | changes)


async def enqueue(database: Database, *several: Wanted, body: str = BODY) -> list[str]:
    async with database.transaction() as tx:
        if not await repository.latest_version(tx, Key("sms", "save")):
            for channel in ("sms", "email", "push"):
                await use_cases.add_template(tx, Key(channel, "save"), subject="Hello", body=body, actor="A-1")
        return await use_cases.enqueue(tx, several or [wanted()])


async def rows(database: Database, *, table: sa.Table = MESSAGES) -> list[sa.Row[Any]]:
    async with database.reading() as connection:
        return list((await connection.execute(sa.select(table).order_by(*table.primary_key.columns))).all())


async def row(database: Database) -> sa.Row[Any]:
    [found] = await rows(database)
    return found


async def change(database: Database, **values: Any) -> None:
    async with database.transaction() as tx:
        await tx.execute(sa.update(MESSAGES).values(values))


async def let_time_pass(database: Database) -> None:
    """Leases lapse, and what waits is due."""
    async with database.transaction() as tx:
        await tx.execute(sa.update(MESSAGES).values(lease_until=clock.wall() - timedelta(seconds=1)).where(MESSAGES.c.state == "sending"))
        await tx.execute(sa.update(MESSAGES).values(next_at=clock.now() - timedelta(seconds=1)).where(MESSAGES.c.state == "queued"))


async def send(database: Database, channel: Channel) -> bool:
    return await use_cases.send_due(database, dict.fromkeys(("sms", "email", "push"), channel))


async def published(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """(type, data), each held against its contract."""
    events = [decode(one.payload) for one in await rows(database, table=OUTBOX)]
    return [(one.type.split(".")[1], one.data.model_dump(mode="json")) for one in events]


# Templates


def fill(text: str, **variables: Any) -> str:
    check(text)
    return render(Template(Key("sms", "x"), 1, "", text), variables).body


def test_what_a_template_may_say() -> None:
    """R10: variables, conditions, one loop over a list, a few filters."""
    assert fill("Dear {{ name|upper }}", name="Wu") == "Dear WU"
    assert fill("{{ offer.name }} for {{ offer.minor|money }}", offer={"name": "10 GB", "minor": 3005}) == "10 GB for 30.05"
    assert fill("{% for one in gifts %}{{ one.n }}{% if not loop.last %}, {% endif %}{% endfor %}", gifts=[{"n": 1}, {"n": 2}]) == "1, 2"
    assert fill("{% if points > 99 %}gold{% else %}iron{% endif %}{{ nick|default('') }}", points=100) == "gold"
    assert fill("{{ gifts|join(', ') }}", gifts=["a", "b"]) == "a, b"


ESCAPES = [
    "{{ ''.__class__.__mro__ }}", "{{ x['__class__'] }}", "{{ x|attr('__class__') }}", "{{ self }}", "{{ self.__init__ }}", "{{ x.upper() }}",
    "{{ cycler.__init__.__globals__.os }}", "{{ lipsum.__globals__ }}", "{{ config }}", "{{ x.format }}", "{{ '{0.__class__}'.format(x) }}",
    "{{ '%s' % x }}", "{% import 'os' as os %}", "{% include '/etc/passwd' %}", "{% macro a() %}{{ a() }}{% endmacro %}", "{{ x|map('upper')|list }}",
    "{{ many|join(attribute='__class__') }}", "{{ loop }}", "{% for a in many %}{{ loop._iterator }}{% endfor %}", "{{ ().__class__ }}", "{{ x[0:1] }}",
]  # fmt: skip
BOMBS = [
    "{% for a in range(999999999) %}{{ a }}{% endfor %}", "{{ 'a' * 999999999 }}", "{{ 9 ** 9 ** 9 }}", "{{ x ~ x }}", "{{ x|center(999999999) }}",
    "{% set x = x + x %}", "{% for a in many %}{% for b in many %}{{ b }}{% endfor %}{% endfor %}", "{{ many|join(long) }}", "{{ x|join(x)|join(x) }}",
    "{% for a in x %}{{ a }}{% endfor %}", "{{" + "(" * 1800 + "1" + ")" * 1800 + "}}", "{{ " + "-" * 3900 + "1 }}", "{{ '%999999999d'|format(1) }}",
    "{% for a in many %}{{ long }}{% endfor %}", "{{ 1|round(999999999, 'ceil') }}",
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES + BOMBS)
def test_nothing_gets_out_of_the_sandbox_or_grows(text: str) -> None:
    """R10: refused when it is added, or at the latest when it is filled in."""
    with pytest.raises(TemplateRefused):
        fill(text, x="text", many=["a"] * 50, long="x" * 300)


def test_the_most_costly_template_is_done_in_time() -> None:
    """R10: the work is bounded by the parts of the template times the entries of a list."""
    started = clock.monotonic()
    with pytest.raises(TemplateRefused):
        fill("{% for a in many %}" + "{{ many|join('1234567890')|upper|lower }}" * 70 + "{% endfor %}", many=["x" * 99] * 50)
    quiet = "{% for a in many %}" + "{% if (many|join('1234567890')|upper|lower) == a %}x{% endif %}" * 35 + "{% endfor %}"
    assert fill(quiet, many=["x" * 99] * 50) == ""
    assert clock.monotonic() - started < 2


@pytest.mark.parametrize(("text", "line"), [("fine\n{{ name", 2), ("a\nb\n{% if x %}", 3), ("\n{{ a() }}", 2), ("{{ a|shout }}", 1)])
def test_a_template_that_is_refused_says_the_line(text: str, line: int) -> None:
    """R10"""
    with pytest.raises(TemplateRefused) as refused:
        check(text)
    assert refused.value.line == line


def test_the_variables_of_a_template_are_named() -> None:
    """R10: with dots, those of a loop left out; and which of them are missing."""
    names = check("{{ name }}{% for one in offer.gifts %}{{ one.n }}{{ mine }}{% endfor %}{{ offer['name'] }}{{ tags.0 }}")
    assert names == {"name", "offer.gifts", "mine", "offer.name", "tags.0"}
    assert missing(names, {"offer": {"gifts": []}, "tags": [1], "name": None}) == ["mine", "offer.name"]


@pytest.mark.parametrize("variables", [{"x": object()}, {"x": ["a"] * 51}, {"x": "a" * 5001}, {"x": [[[[[[1]]]]]]}, {"x": 10**19}])
def test_variables_are_small_and_plain(variables: dict[str, Any]) -> None:
    """R10"""
    with pytest.raises(TemplateRefused):
        fill("hello", **variables)


def test_where_a_template_is_looked_for() -> None:
    """R10: segment and language, then language, then default; never in another language or channel."""
    keys = [Key("sms", "save", "zh", "gold"), Key("sms", "save", "zh"), Key("sms", "save"), Key("sms", "save", "en", "iron")]
    held = {key: Template(key, 1, "", "") for key in keys}

    def chosen(language: str, segment: str, channel: str = "sms") -> str | None:
        found = choose(Key(channel, "save", language, segment), held)
        return found.name if found else None

    assert chosen("zh", "gold") == "sms/save/zh/gold@1"
    assert chosen("zh", "iron") == "sms/save/zh/*@1"
    assert chosen("en", "gold") == chosen("fr", ANY) == "sms/save/*/*@1"
    assert chosen("zh", "gold", "push") is None


# Delivery rules


@given(st.integers(1, 200), st.text(max_size=50), st.none() | st.floats(0, 1e9), st.timedeltas(timedelta(0), GIVE_UP_AFTER))
def test_the_next_attempt(attempt: int, message_id: str, retry_after: float | None, since_first: timedelta) -> None:
    """R10: later and later up to a ceiling, never before the receiver asked for, never past the end."""
    end = NOON + GIVE_UP_AFTER
    now = NOON + since_first
    delay = delay_after(attempt, message_id)
    assert timedelta(seconds=15) <= delay <= LONGEST_DELAY
    assert delay_after(attempt + 2, message_id) >= min(delay, LONGEST_DELAY / 2)
    at = delivery.next_try(Answer("retry", "x", retry_after), now=now, attempt=attempt, message_id=message_id, end=end)
    assert at is None or (now + delay <= at < end and (at - now).total_seconds() >= (retry_after or 0) - 1e-6)
    assert (at is None) == (max(delay, timedelta(seconds=min(retry_after or 0, 1e6))) >= end - now)


def test_three_days_of_an_outage_are_tried_some_thirty_times() -> None:
    """R10: often enough to be quick after a short one, rarely enough for a long one. Two messages do not return together."""
    at, tries = NOON, 1
    while (found := delivery.next_try(Answer("retry", "x"), now=at, attempt=tries, message_id="m-1", end=NOON + GIVE_UP_AFTER)) is not None:
        at, tries = found, tries + 1
    assert 20 <= tries <= 45
    assert len({delay_after(3, f"m-{number}") for number in range(100)}) == 100


@given(st.permutations(["receipt_delivered", "receipt_failed", "receipt_failed", "accepted"]), st.sampled_from(["accepted", "refused", "ran_out"]))
def test_the_order_of_receipts_does_not_matter(order: list[Any], result: Any) -> None:
    """R10: delivered holds, whatever comes before or after."""
    state: Any = "sending"
    for trigger in order:
        state = delivery.after(state, result if trigger == "accepted" else trigger) or state
    assert state == "delivered"
    assert all(delivery.after("delivered", trigger) is None for moves in delivery.TRANSITIONS.values() for trigger in moves)
    assert all(delivery.after(ended, trigger) in {None, "delivered"} for ended in delivery.ENDED for trigger in ("claimed", "accepted", "receipt_delivered"))


@given(st.binary(max_size=300), st.integers(0, 10**10), st.integers(-1000, 1000))
def test_a_signature_holds_for_its_body_and_its_time(body: bytes, at: int, late: int) -> None:
    """R10: with the old secret and the new one; not for another body, not replayed outside the window, not from before it."""
    header = signing.sign(SECRET, body, at=at)
    assert signing.verify([SECRET], header, body, now=at + late) == (abs(late) <= signing.TOLERANCE_SECONDS)
    assert signing.verify(["the next secret", SECRET], header, body, now=at)
    assert not signing.verify(["another"], header, body, now=at)
    assert not signing.verify([], header, body, now=at)
    assert not signing.verify([SECRET], header, body + b" ", now=at)
    moved = header.replace(f"t={at},", f"t={at + late + 5000},")
    assert not signing.verify([SECRET], moved, body, now=at + late + 5000)


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=" + "0" * 64, "t=x,v1=" + "0" * 64, "t=1,v1=" + "0" * 63, "t=1,v1=" + "é" * 64, "t=1" + (",v1=" + "0" * 64) * 9]
)
def test_what_is_no_signature_is_refused(header: str) -> None:
    """R10"""
    assert not signing.verify([SECRET], header, b"", now=1)


# The webhook


MESSAGE = Outgoing("m-1", "C-1", "sms", "save", "en", "", "Dear Wu")


async def test_what_the_webhook_is_told(webhook: Webhook, gateway: Gateway) -> None:
    """R10: customer, channel and text, never a number; signed, and the same body under the same key each time."""
    gateway.statuses = [503]
    assert await webhook.send(MESSAGE) == Answer("retry", "http_503")
    assert await webhook.send(MESSAGE) == Answer("accepted", "http_200")
    (_, first), (headers, body) = gateway.calls
    assert first == body
    assert orjson.loads(body) == MESSAGE._asdict()
    assert headers["Idempotency-Key"] == "m-1"
    assert signing.verify([SECRET], headers["Holdfast-Signature"], body, now=int(clock.wall().timestamp()))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "accepted"),
        (202, "accepted"),
        (400, "refused"),
        (404, "refused"),
        (410, "refused"),
        (302, "refused"),
        (409, "retry"),
        (429, "retry"),
        (500, "retry"),
    ],
)
async def test_what_an_answer_means(webhook: Webhook, gateway: Gateway, status: int, outcome: str) -> None:
    """R10: a redirect is not followed, but an answer like any other."""
    gateway.statuses, gateway.headers = [status], {"Location": f"{gateway.url}/inside"}
    assert await webhook.send(MESSAGE) == Answer(outcome, f"http_{status}")  # type: ignore[arg-type]
    assert len(gateway.calls) == 1


@pytest.mark.parametrize(("value", "seconds"), [("120", 120), ("Thu, 01 Jan 2099 00:00:00 GMT", 10**8), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", None)])
async def test_retry_after_is_read(webhook: Webhook, gateway: Gateway, value: str, seconds: float | None) -> None:
    """R10: in both of its forms."""
    gateway.statuses, gateway.headers = [429], {"Retry-After": value}
    found = (await webhook.send(MESSAGE)).retry_after_seconds
    assert found == seconds or (found is not None and seconds is not None and found > seconds >= 10**8)


async def test_a_receiver_that_hangs_or_is_gone_is_tried_again(gateway: Gateway) -> None:
    """R10"""
    gateway.delay_seconds = 0.5
    async with Webhook(gateway.url, SECRET, allowed=LOCAL, answer_seconds=0.05) as hasty, Webhook("http://127.0.0.1:1/", SECRET, allowed=LOCAL) as gone:
        assert await hasty.send(MESSAGE) == Answer("retry", "timeout")
        assert await gone.send(MESSAGE) == Answer("retry", "unreachable")


def names(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def answer(_: str, __: int) -> list[str]:
        return list(addresses)

    return answer


INSIDE = [
    ("127.0.0.1", None), ("[::1]", None), ("[::ffff:127.0.0.1]", None), ("169.254.169.254", None), ("10.0.0.1", None), ("0.0.0.0", None),
    ("[fe80::1]", None), ("[fd00::1]", None), ("224.0.0.1", None), ("[ff02::1]", None), ("[2002:7f00:1::1]", None), ("[64:ff9b::7f00:1]", None),
    ("2130706433", None), ("localhost", None), ("gateway.test", ["10.0.0.1"]), ("gateway.test", ["93.184.216.34", "10.0.0.1"]),
    ("gateway.test", ["::ffff:10.0.0.1"]), ("gateway.test", ["fe80::1%eth0"]), ("gateway.test", []), ("gateway.test", ["100.64.0.1"]),
]  # fmt: skip


@pytest.mark.parametrize(("host", "addresses"), INSIDE)
async def test_our_own_network_is_not_called(gateway: Gateway, host: str, addresses: list[str] | None) -> None:
    """R10: whatever leads there: an address, another way to write it, a name, one address of several."""
    resolver = resolve if addresses is None else names(*addresses)
    async with Webhook(f"http://{host}:{gateway.port}/in", SECRET, resolver=resolver) as opened:
        assert await opened.send(MESSAGE) == Answer("retry", "address_refused")
    assert gateway.calls == []


async def test_an_allowed_network_is_called_at_the_address_that_was_checked(gateway: Gateway) -> None:
    """R10: in the name of the host; the name is resolved once, so that it can not change in between."""
    asked: list[str] = []

    async def once(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with Webhook(f"http://gateway.test:{gateway.port}/in", SECRET, allowed=LOCAL, resolver=once) as opened:
        assert (await opened.send(MESSAGE)).outcome == "accepted"
        assert gateway.calls[0][0]["Host"] == f"gateway.test:{gateway.port}"
        assert await opened.send(MESSAGE) == Answer("retry", "address_refused")
    assert asked == ["gateway.test"] * 2


async def test_tls_is_asked_for_the_certificate_of_the_name(tmp_path: Path) -> None:
    """R10: though the connection goes to an address; and a certificate that nobody vouches for is not taken."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, "gateway.test"))
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=context) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with Webhook(f"https://gateway.test:{port}/in", SECRET, allowed=LOCAL, resolver=names("127.0.0.1")) as opened:
            assert await opened.send(MESSAGE) == Answer("retry", "unreachable")
    assert asked == ["gateway.test"]


def self_signed(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(clock.wall() - timedelta(days=1)).not_valid_after(clock.wall() + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


# SMTP and files


@dataclass
class MailServer:
    """Speaks as much SMTP as a sender needs. `recipients`, `data`: what it answers to them; `hangs_up`: instead of saying goodbye."""

    recipient: str = "250 ok"
    data: str = "250 taken"
    hangs_up: bool = False
    mails: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                if self.data.startswith("2"):
                    self.mails.append(mail)
                answer = self.data
            else:
                answer = self.recipient if verb == "RCPT" else "221 bye" if verb == "QUIT" else "250 ok"
            if verb == "QUIT" and self.hangs_up:
                break
            writer.write(answer.encode() + b"\r\n")
        writer.close()


@asynccontextmanager
async def mail_server(**changes: Any) -> AsyncIterator[tuple[MailServer, Smtp]]:
    server = MailServer(**changes)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    known = {"C-1": "wu@example.org", "C-2": "a@example.org\nBcc: all@example.org"}

    async def address_of(message: Outgoing) -> str | None:
        return known.get(message.customer_id)

    async with listening:
        yield server, Smtp(Server("127.0.0.1", port, "care@operator.test", starttls=False), address_of)


async def test_an_e_mail_goes_to_the_address_that_the_resolver_knows() -> None:
    """R10: with the same Message-ID at every attempt; how the server says goodbye changes nothing."""
    async with mail_server(hangs_up=True) as (server, smtp):
        for _ in range(2):
            assert await smtp.send(MESSAGE._replace(subject="优惠", body="亲爱的")) == Answer("accepted", "smtp_250")
    assert [one.count("Message-ID: <m-1@operator.test>") for one in server.mails] == [1, 1]
    assert "To: wu@example.org" in server.mails[0]


@pytest.mark.parametrize(
    ("changes", "customer_id", "answer"),
    [
        ({"recipient": "550 no wu@example.org here"}, "C-1", Answer("refused", "smtp_550")),
        ({"recipient": "550 5.1.1 no wu@example.org here"}, "C-1", Answer("refused", "bad_mailbox")),
        ({"recipient": "550 5.7.1 you may not send"}, "C-1", Answer("refused", "smtp_550")),
        ({"recipient": "450 wu@example.org is full"}, "C-1", Answer("retry", "smtp_450")),
        ({"data": "554 no"}, "C-1", Answer("refused", "smtp_554")),
        ({"data": "451 later"}, "C-1", Answer("retry", "smtp_451")),
        ({}, "C-9", Answer("unaddressed", "no_address")),
        ({}, "C-2", Answer("unaddressed", "bad_address")),
    ],
)
async def test_what_a_mail_server_answers(changes: dict[str, str], customer_id: str, answer: Answer) -> None:
    """R10: only its number is kept, for its words hold the address."""
    async with mail_server(**changes) as (server, smtp):
        assert await smtp.send(MESSAGE._replace(customer_id=customer_id)) == answer
    assert server.mails == []


async def test_without_tls_nothing_is_sent_where_tls_is_asked_for() -> None:
    """R10"""
    async with mail_server() as (server, smtp):
        strict = Smtp(smtp._server._replace(starttls=True), smtp._address_of)
        assert await strict.send(MESSAGE) == Answer("retry", "no_tls")
    assert server.mails == []


async def test_the_sink_writes_a_message_once(tmp_path: Path) -> None:
    """R10: the same again is the same file."""
    for _ in range(2):
        assert (await Sink(tmp_path / "out").send(MESSAGE)).outcome == "accepted"
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["m-1.json"]
    assert orjson.loads((tmp_path / "out" / "m-1.json").read_bytes())["body"] == "Dear Wu"


# The queue


async def test_a_message_is_queued_once_per_decision(database: Database) -> None:
    """R10: decided twice, at once or later, in another channel: one message, with the text of the first time."""
    first = await enqueue(database, wanted(1), wanted(1))
    again = await enqueue(database, wanted(1, channel="push", variables={"name": "Other"}))
    assert first == [*again, *again]
    found = await row(database)
    assert (found.state, found.channel, found.body, found.template, found.attempts) == ("queued", "sms", "Dear N1", "sms/save/*/*@1", 0)
    await send(database, channel := Counting())
    await enqueue(database, wanted(1))
    await send(database, channel)
    assert channel.sent == {found.message_id: 1}


async def test_a_decision_that_is_rolled_back_sends_nothing(database: Database) -> None:
    """R10: the queue is part of the caller's transaction."""
    await enqueue(database, wanted(1))
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await use_cases.enqueue(tx, [wanted(2)])
            raise ZeroDivisionError
    assert len(await rows(database)) == 1


async def test_what_can_not_be_written_has_failed_and_says_so(database: Database) -> None:
    """R10: without an error in the transaction that decided."""
    await enqueue(database, wanted(1, variables={}), wanted(2, purpose="unknown"), wanted(3))
    assert {one.decision_id: (one.state, one.reason) for one in await rows(database)} == {
        "d-1": ("failed", "not_written: 'name' is undefined"), "d-2": ("failed", "no_template"), "d-3": ("queued", None),
    }  # fmt: skip
    assert sorted(data["decision_id"] for kind, data in await published(database) if kind == "message_failed") == ["d-1", "d-2"]


async def test_a_message_waits_for_its_time_and_is_not_sent_after_it(database: Database) -> None:
    """R10: `not_before` and `expires_at`, as those decided who know about quiet hours."""
    now = clock.now()
    await enqueue(
        database,
        wanted(1, not_before=now + timedelta(hours=1)),
        wanted(2, expires_at=now - timedelta(seconds=1)),
        wanted(3, expires_at=now + timedelta(hours=1)),
    )
    channel = Counting()
    await send(database, channel)
    assert {one.decision_id: one.state for one in await rows(database)} == {"d-1": "queued", "d-2": "expired", "d-3": "sent"}
    assert [(kind, data["decision_id"]) for kind, data in await published(database)] == [("message_failed", "d-2"), ("message_sent", "d-3")]
    assert len(channel.sent) == 1


async def test_a_refusal_ends_a_message(database: Database, gateway: Gateway, webhook: Webhook) -> None:
    """R10: 410 for good."""
    await enqueue(database)
    gateway.statuses = [410]
    await send(database, webhook)
    await let_time_pass(database)
    await send(database, webhook)
    found = await row(database)
    assert (found.state, found.reason, found.attempts, len(gateway.calls)) == ("failed", "http_410", 1, 1)
    [(kind, data)] = await published(database)
    assert (kind, data["state"], data["reason"]) == ("message_failed", "failed", "http_410")


async def test_retry_after_is_obeyed(database: Database, gateway: Gateway, webhook: Webhook) -> None:
    """R10: not a moment earlier; the message waits in the queue, and its attempt is on record."""
    await enqueue(database)
    gateway.statuses, gateway.headers = [429], {"Retry-After": "7200"}
    await send(database, webhook)
    found = await row(database)
    assert (found.state, found.reason) == ("queued", "http_429")
    assert timedelta(seconds=7190) < found.next_at - clock.now() <= timedelta(seconds=7200)
    await send(database, webhook)
    assert len(gateway.calls) == 1
    await let_time_pass(database)
    await send(database, webhook)
    assert ((await row(database)).state, len(gateway.kept)) == ("sent", 1)
    assert [(one.attempt, one.outcome, one.code) for one in await rows(database, table=MESSAGE_ATTEMPTS)] == [
        (1, "retry", "http_429"),
        (2, "accepted", "http_200"),
    ]


async def test_after_three_days_a_message_is_given_up(database: Database) -> None:
    """R10: expired, published with the last answer, and not tried again; nothing was published while it was tried."""
    await enqueue(database)
    channel = Counting(*[Answer("retry", "http_503")] * 3)
    await send(database, channel)
    assert await published(database) == []
    await change(database, first_tried_at=clock.now() - GIVE_UP_AFTER + timedelta(seconds=10))
    await let_time_pass(database)
    await send(database, channel)
    await let_time_pass(database)
    await send(database, channel)
    found = await row(database)
    assert (found.state, found.reason, found.attempts) == ("expired", "http_503", 2)
    [(kind, data)] = await published(database)
    assert (kind, data["state"], data["attempts"]) == ("message_failed", "expired", 2)


async def test_a_message_abandoned_past_its_end_expires(database: Database) -> None:
    """R10: nobody knows whether it was sent; its attempt says so."""
    await enqueue(database)
    async with database.transaction() as tx:
        await use_cases._claim(tx)
    await change(database, first_tried_at=clock.now() - GIVE_UP_AFTER, lease_until=clock.wall() - timedelta(seconds=1))
    await send(database, channel := Counting())
    assert ((await row(database)).state, channel.sent) == ("expired", {})
    assert [(one.attempt, one.outcome) for one in await rows(database, table=MESSAGE_ATTEMPTS)] == [(1, None)]


async def test_a_channel_that_breaks_or_is_missing_is_tried_again(database: Database) -> None:
    """R10: its error is the message's own, not that of the others."""

    class Broken(Counting):
        async def send(self, message: Outgoing) -> Answer:
            if message.customer_id == "C-1":
                raise RuntimeError(message.body)
            return await super().send(message)

    await enqueue(database, wanted(1), wanted(2), wanted(3, channel="push"))
    await use_cases.send_due(database, {"sms": Broken()})
    assert {one.decision_id: (one.state, one.reason) for one in await rows(database)} == {
        "d-1": ("queued", "RuntimeError"), "d-2": ("sent", None), "d-3": ("queued", "no_channel"),
    }  # fmt: skip


async def test_what_was_not_sent_yet_can_be_held_back(database: Database) -> None:
    """R10: and of who was erased no text is kept."""
    await enqueue(database, wanted(1), wanted(2), wanted(3, customer_id="C-1"))
    await send(database, Counting())
    await enqueue(database, wanted(4, customer_id="C-1"), wanted(5, customer_id="C-2"))
    async with database.transaction() as tx:
        await use_cases.forget(tx, ["C-1"])
        await use_cases.suppress(tx, ["C-2"], reason="not_contactable")
    await send(database, channel := Counting())
    assert channel.sent == {}
    assert {one.decision_id: (one.state, one.reason, one.body) for one in await rows(database)} == {
        "d-1": ("sent", None, ""), "d-2": ("sent", None, "Dear N2"), "d-3": ("sent", None, ""),
        "d-4": ("suppressed", "erased", ""), "d-5": ("suppressed", "not_contactable", "Dear N5"),
    }  # fmt: skip


# Never twice, and none lost


async def test_two_workers_over_two_hundred_messages(settings: Settings, database: Database) -> None:
    """R10: each is sent once, by one of them, at its first attempt: without the help of a key."""
    await enqueue(database, *(wanted(number) for number in range(200)))
    other, channel = Database(settings.database_url("retention")), Counting()

    async def work(on: Database) -> None:
        while await send(on, channel):
            pass

    await asyncio.gather(work(database), work(other), work(other))
    await other.close()
    assert len(channel.sent) == 200
    assert set(channel.sent.values()) == {1}
    assert {(one.state, one.attempts) for one in await rows(database)} == {("sent", 1)}
    assert len(await published(database)) == 200


class Killed(BaseException):
    """The process is gone: nothing after this takes place."""


class Mortal:
    """Dies at one of its steps, and stays dead."""

    def __init__(self, dies_at: int) -> None:
        self.dies_at, self.steps = dies_at, 0

    @property
    def is_dead(self) -> bool:
        return self.steps >= self.dies_at

    def step(self) -> None:
        self.steps += 1
        if self.is_dead:
            raise Killed


class MortalDatabase(Database):
    mortal: Mortal

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.mortal.step()
        async with super().transaction() as tx:
            yield tx
            self.mortal.step()
        self.mortal.step()


@dataclass
class MortalChannel:
    channel: Channel
    mortal: Mortal

    async def send(self, message: Outgoing) -> Answer:
        self.mortal.step()
        answer = await self.channel.send(message)
        self.mortal.step()
        return answer


async def finish(database: Database, channel: Channel) -> None:
    """Workers go on until all is sent."""
    for _ in range(5):
        await let_time_pass(database)
        while await send(database, channel):
            pass
    assert {one.state for one in await rows(database)} == {"sent"}


async def test_killed_at_each_step_no_message_is_lost_or_kept_twice(settings: Settings, database: Database, gateway: Gateway, webhook: Webhook) -> None:
    """R10: before and after each commit and each call; the receiver honours the key, and has each message once."""
    doomed = MortalDatabase(settings.database_url("retention"))
    ids: list[str] = []
    for dies_at in itertools.count(1):
        ids += await enqueue(database, *(wanted(10 * dies_at + number) for number in range(2)))
        doomed.mortal = mortal = Mortal(dies_at)
        try:
            await send(doomed, MortalChannel(webhook, mortal))
        except Killed:
            await finish(database, webhook)
        else:
            break
    await doomed.close()
    assert dies_at == 3 + 2 * 5 + 1
    assert sorted(gateway.kept) == sorted(ids)
    assert Counter(kind for kind, _ in await published(database)) == {"message_sent": len(ids)}
    calls = Counter(headers["Idempotency-Key"] for headers, _ in gateway.calls)
    assert set(calls.values()) == {1, 2}, "some were called for twice, as nobody knew of the first: the key is what keeps them single"


@pytest.mark.parametrize("settings", ["stack"], indirect=True)
async def test_cancelled_anywhere_no_message_is_lost_or_kept_twice(database: Database, gateway: Gateway, webhook: Webhook) -> None:
    """R10: at whichever await the task happens to be. (On SQLite a cancelled transaction keeps its lock for as long as the process lives.)"""
    ids: list[str] = []
    for turns in range(0, 120, 4):
        ids += await enqueue(database, wanted(turns))
        sending = asyncio.create_task(send(database, webhook))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await let_time_pass(database)
    await finish(database, webhook)
    assert sorted(gateway.kept) == sorted(ids)
    assert Counter(kind for kind, _ in await published(database)) == {"message_sent": len(ids)}


async def test_a_result_that_comes_after_the_lease_changes_nothing(database: Database) -> None:
    """R10: somebody else has taken the message over; the late attempt stays on record."""
    await enqueue(database)

    class Slow(Counting):
        async def send(self, message: Outgoing) -> Answer:
            await let_time_pass(database)
            await send(database, Counting())
            return Answer("refused", "http_400")

    await send(database, Slow())
    assert ((await row(database)).state, (await row(database)).attempts) == ("sent", 2)
    assert [kind for kind, _ in await published(database)] == ["message_sent"]
    assert [(one.attempt, one.code) for one in await rows(database, table=MESSAGE_ATTEMPTS)] == [(1, "http_400"), (2, "http_200")]


async def test_a_late_result_does_not_end_the_attempt_that_is_under_way(database: Database) -> None:
    """R10: the message is the next attempt's, whose result is not known yet."""
    await enqueue(database)

    class Slow(Counting):
        async def send(self, message: Outgoing) -> Answer:
            await let_time_pass(database)
            async with database.transaction() as tx:
                await use_cases._claim(tx)
            return Answer("refused", "http_400")

    await send(database, Slow())
    assert ((await row(database)).state, (await row(database)).attempts) == ("sending", 2)
    assert await published(database) == []


async def test_a_worker_that_stood_still_does_not_call(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """R10: its lease may be another's by now."""
    await enqueue(database)
    moments = itertools.count(0, LEASE.total_seconds())
    monkeypatch.setattr(clock, "monotonic", lambda: next(moments))
    await send(database, channel := Counting())
    assert (channel.sent, (await row(database)).state) == ({}, "sending")


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_the_worker_sends_what_is_queued(retention: ServiceUnderTest, tmp_path: Path) -> None:
    """R10: by the channels of the settings; and tells of it."""
    [message_id] = await enqueue(retention.database)
    [sent] = await retention.read(topics.CONTACTS, count=1)
    assert (sent["type"], sent["subject"], sent["data"]["message_id"]) == ("retention.message_sent.v1", "customer:C-1", message_id)
    assert orjson.loads((tmp_path / "messages" / f"{message_id}.json").read_bytes())["body"] == "Dear N1"


# Receipts and HTTP


async def test_receipts_in_any_order(database: Database, http: httpx.AsyncClient) -> None:
    """R10: delivered holds; each change is published once."""
    [first] = await enqueue(database, wanted(1))
    assert (await http.post(f"/messages/{first}/receipt", json={"result": "delivered"})).status_code == 409
    await send(database, Counting())
    for result, state in (("failed", "failed"), ("failed", "failed"), ("delivered", "delivered"), ("failed", "delivered"), ("delivered", "delivered")):
        answer = await http.post(f"/messages/{first}/receipt", json={"result": result, "reason": "absent_subscriber", "at": "2026-11-02T10:00:00Z"})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert [kind for kind, _ in await published(database)] == ["message_sent", "message_failed", "message_delivered"]
    assert (await http.post("/messages/m-none/receipt", json={"result": "delivered"})).status_code == 404
    assert (await http.post(f"/messages/{first}/receipt", json={"result": "failed", "reason": "13800138000"})).status_code == 422


async def test_a_receipt_that_overtakes_our_own_note(database: Database) -> None:
    """R10: the message is delivered, and is not sent again, whatever the call came to."""
    [message_id] = await enqueue(database)

    class Quick(Counting):
        async def send(self, message: Outgoing) -> Answer:
            async with database.transaction() as tx:
                await use_cases.note_receipt(tx, message_id, result="delivered", reason=None, at=None)
            return Answer("retry", "timeout")

    await send(database, Quick())
    await let_time_pass(database)
    await send(database, channel := Counting())
    assert ((await row(database)).state, channel.sent) == ("delivered", {})
    assert [kind for kind, _ in await published(database)] == ["message_delivered"]


async def test_messages_are_listed_and_shown_with_their_attempts(database: Database, http: httpx.AsyncClient) -> None:
    """R10: by state and customer, page by page."""
    ids = await enqueue(database, *(wanted(number) for number in range(5)))
    await send(database, Counting(Answer("retry", "http_503")))
    seen: list[str] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        page = (await http.get("/messages", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).raise_for_status().json()
        seen += [one["message_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(ids)
    [waiting] = (await http.get("/messages", params={"state": "queued"})).json()["items"]
    [same] = (await http.get("/messages", params={"customer_id": waiting["customer_id"]})).json()["items"]
    assert same == waiting
    shown = (await http.get(f"/messages/{waiting['message_id']}")).json()
    assert [(one["attempt"], one["outcome"], one["code"]) for one in shown["history"]] == [(1, "retry", "http_503")]
    assert (await http.get("/messages/m-none")).status_code == 404
    assert (await http.get("/messages", params={"cursor": "x"})).status_code == 400


async def test_templates_are_written_and_tried_without_code(database: Database, http: httpx.AsyncClient) -> None:
    """R10: a version each, in force at once for what is enqueued from then on; a retry of the request adds none."""
    text = {"channel": "sms", "purpose": "save", "language": "zh", "segment": "gold", "body": "{{ name }}: {{ offer.name }}"}
    for key in ("k-1", "k-1", "k-2"):
        answer = await http.post("/message-templates", json=text, headers={"Idempotency-Key": key, "X-Actor": "A-7"})
        assert answer.status_code == 201
    found = (await http.get("/message-templates", params={"purpose": "save"})).json()["items"]
    assert [(one["version"], one["created_by"]) for one in found] == [(2, "A-7"), (1, "A-7")]
    asked = {"channel": "sms", "purpose": "save", "language": "zh", "segment": "gold", "variables": {"name": "Wu", "offer": {}}}
    tried = (await http.post("/message-templates/preview", json=asked)).json()
    assert (tried["template"], tried["variables"], tried["missing"], tried["body"]) == ("sms/save/zh/gold@2", ["name", "offer.name"], ["offer.name"], None)
    tried = (await http.post("/message-templates/preview", json=asked | {"variables": {"name": "Wu", "offer": {"name": "10 GB"}}})).json()
    assert (tried["body"], tried["missing"], tried["problem"]) == ("Wu: 10 GB", [], None)
    tried = (await http.post("/message-templates/preview", json=asked | {"body": "Hi {{ nick|default('you') }}"})).json()
    assert (tried["template"], tried["body"], tried["missing"]) == (None, "Hi you", ["nick"])
    refused = await http.post("/message-templates", json=text | {"body": "fine\n{{ name"}, headers={"Idempotency-Key": "k-3"})
    assert (refused.status_code, refused.json()["line"], refused.json()["part"]) == (422, 2, "body")
    assert (await http.post("/message-templates/preview", json=asked | {"purpose": "other"})).status_code == 404
    assert (await http.post("/message-templates", json=text | {"language": None}, headers={"Idempotency-Key": "k-4"})).status_code == 422


# Settings


async def test_channels_are_opened_from_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """R10: what is missing ends the process with the fix."""
    async with open_channels(load(), Settings(), tmp_path) as channels:
        assert {name: type(one) for name, one in channels.items()} == {"sms": Sink, "email": Sink, "push": Sink}
    monkeypatch.setenv("HOLDFAST_RETENTION_SMS_BY", "webhook")
    monkeypatch.setenv("HOLDFAST_RETENTION_WEBHOOK_URL", "https://gateway.example/in")
    with pytest.raises(SystemExit, match="HOLDFAST_RETENTION_WEBHOOK_SECRET"):
        load()
    monkeypatch.setenv("HOLDFAST_RETENTION_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("HOLDFAST_RETENTION_EMAIL_BY", "smtp")
    with pytest.raises(SystemExit, match="HOLDFAST_SERVICE_SECRET"):
        async with open_channels(load(), Settings(), tmp_path):
            pass
    async with open_channels(load(), Settings(service_secret=SecretStr(SECRET)), tmp_path) as channels:
        assert {name: type(one) for name, one in channels.items()} == {"sms": Webhook, "email": Smtp, "push": Sink}


@pytest.mark.parametrize(
    ("name", "value"), [("WEBHOOK_URL", "file:///etc/passwd"), ("WEBHOOK_URL", "https://"), ("WEBHOOK_SECRET", "short"), ("WEBHOOK_NETWORKS", "10.1.0.0/99")]
)
def test_settings_that_can_not_be_used_say_so(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """R10 P1"""
    monkeypatch.setenv(f"HOLDFAST_RETENTION_{name}", value)
    with pytest.raises(SystemExit, match=name):
        load()
