"""C9: everything about a customer on demand, nothing that leads to them once they are erased, and nothing kept past its time."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.customer import audit_verify, rotate_keys
from services.customer.obligations import obligations, owed
from services.customer.periods import Periods
from services.customer.profile import REGISTRY_TYPES
from services.customer.tables import AUDIT_LOG, DATA_KEYS, ERASURES, EXPIRIES, FACTS, IDENTIFIERS, INBOX, METADATA, PROSPECTS, ROLLUPS
from services.customer.tables.holdings import HOLDINGS, OF_NO_CUSTOMER
from services.customer.use_cases import audit, upkeep
from services.customer.use_cases.privacy import digest_of
from shared import clock, pii, telemetry
from shared.bus import Message
from shared.contracts import billing, care, network, topics
from shared.contracts.envelope import PersonalKind
from shared.contracts.orders import CustomerUpdated
from shared.contracts.personal import personal_fields, rewrite
from shared.contracts.registry import INPUTS
from shared.pii import Keyring, Token
from shared.settings import Settings
from tests.builders import NOON, activated, cloud_event, paid, registered, terminated, used
from tests.customer.comparing import compared
from tests.harness import ServiceUnderTest

CANARY: dict[PersonalKind, str] = {
    "msisdn": "8613955512399",
    "imsi": "460009955512399",
    "imei": "869955512399123",
    "name": "Canary Zhang",
    "document": "id_card:330106197105059955",
    "contact": "canary.zhang@mail.example",
    "date": "1971-05-05",
    "text": "the canary sings in Hangzhou",
}
NUMBER = CANARY["msisdn"]
REASON = {"reason": "request 2026-11-17"}
DESK = {"X-Actor": "privacy-desk"}
DEAD = INBOX.dead_letters


def a_customer(customer_id: str = "C-1", account: str = "A-1") -> list[dict[str, Any]]:
    """One who was with us for a year, owes nothing and has left."""
    subject, subscription = f"customer:{customer_id}", f"S-{customer_id}"
    return [
        registered(
            customer_id,
            accounts=(account,),
            name=CANARY["name"],
            document=CANARY["document"],
            birth_date=CANARY["date"],
            contact_points=[{"kind": "email", "value": CANARY["contact"], "verified": True}],
        ),
        activated(customer_id, NUMBER, subscription_id=subscription, imsi=CANARY["imsi"]),
        cloud_event(network.DeviceChanged, f"msisdn:{NUMBER}", imei=CANARY["imei"], at=NOON),
        used(NUMBER, at=NOON - timedelta(days=1)),
        cloud_event(billing.BillIssued, f"account:{account}", amount_minor=1000),
        paid(f"account:{account}", 1000),
        cloud_event(care.SurveyAnswered, subject, regarding=CANARY["text"]),
        terminated(customer_id, subscription, at=NOON + timedelta(days=1)),
    ]


async def erase(customer: ServiceUnderTest, customer_id: str = "C-1") -> Any:
    return await customer.http.post(f"/customers/{customer_id}/erasure", json=REASON, headers=DESK)


async def everything_stored(customer: ServiceUnderTest) -> str:
    """The text of every row of every table, and the database's own file where it is one."""
    rows = [str([tuple(row) for row in await customer.rows(sa.select(table))]) for table in METADATA.sorted_tables]
    if customer.database.file:
        async with customer.database.reading() as connection:
            await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        rows.append(customer.database.file.read_bytes().decode("utf-8", "replace"))
    return "\n".join(rows)


def everything_published(settings: Settings) -> str:
    """Every record but those that the producers put on their own topics."""
    with sqlite3.connect(settings.data_dir / "bus.db") as file:
        rows = file.execute("SELECT topic, key, value, headers FROM records").fetchall()
    file.close()
    return "\n".join(f"{key} {value!r} {headers!r}" for topic, key, value, headers in rows if topic not in topics.INPUTS)


def plain_in(text: str) -> list[str]:
    return [value for value in CANARY.values() if value.rpartition(":")[2] in text]


def tokens_in(text: str) -> list[Token]:
    words = text.replace('"', " ").replace("'", " ").replace("\\", " ").split()
    return [token for token in map(Token.of, words) if token]


# What is held of a customer


def test_every_table_says_whether_it_holds_anything_of_a_customer() -> None:
    """C9: who adds a table decides it, or this fails; so does who names a customer in one that is said to hold nothing."""
    held = [one.table for one in HOLDINGS]
    assert {table.name for table in (*held, *OF_NO_CUSTOMER)} == METADATA.tables.keys()
    assert len({*held, *OF_NO_CUSTOMER}) == len(held) + len(OF_NO_CUSTOMER)
    assert not [table.name for table in OF_NO_CUSTOMER if any("customer" in column.name or "survivor" in column.name for column in table.columns)]
    assert not [one.table.name for one in HOLDINGS if not all(name in one.table.c for name in (*one.columns, *one.hidden))]


async def test_an_export_holds_every_row_about_the_customer_in_plain(customer: ServiceUnderTest) -> None:
    """C9: of every table there is, of every id the customer had, and of nobody else."""
    await customer.send(*a_customer(), registered("C-2", name="Canary Z."), registered("C-3", name="Somebody else"))
    await customer.http.post("/merges", json={"customers": ["C-1", "C-2"], "reason": "same person"})
    await customer.http.post("/customers/C-1/legal-holds", json=REASON)
    await compared(customer, cloud_event(care.ComplaintOpened, "customer:C-2", complaint_id="K-1", at=clock.now(), summary=CANARY["text"]))
    await customer.stop_worker()
    answer = await customer.http.get("/customers/C-2/export", headers=DESK)
    document = answer.json()
    assert (document["customer_id"], document["aliases"]) == ("C-1", ["C-2"])
    exported = {one["table"]: one["rows"] for one in document["tables"]}
    assert set(exported) == {one.table.name for one in HOLDINGS} and all(one["holds"] for one in document["tables"])
    for one in HOLDINGS:
        named = sa.or_(*(one.table.c[name].in_(["C-1", "C-2"]) for name in one.columns)) if one.columns else sa.false()
        expected = await customer.rows(sa.select(sa.func.count()).select_from(one.table).where(named))
        assert not one.columns or len(exported[one.table.name]) == expected[0][0], one.table.name
        assert not any(name in row for name in one.hidden for row in exported[one.table.name])
    assert all(exported[name] for name in ("customers", "identifiers", "rollups", "merges", "cases", "data_keys", "legal_holds", "audit_log", "qualities"))
    assert len(exported["facts"]) == len(a_customer()) + 3
    assert plain_in(answer.text) == list(CANARY.values()) and "Canary Z." in answer.text
    assert "~1." not in answer.text and "Somebody else" not in answer.text


async def test_an_export_of_many_rows_comes_in_pieces(customer: ServiceUnderTest) -> None:
    """C9: more rows than one page holds, each once."""
    payments = [paid(amount_minor=number + 1) for number in range(1300)]
    await customer.send(*a_customer(), *payments)
    document = (await customer.http.get("/customers/C-1/export")).json()
    (facts,) = (one["rows"] for one in document["tables"] if one["table"] == "facts")
    assert len(facts) == len({fact["id"] for fact in facts}) == len(payments) + len(a_customer())


async def test_an_export_is_in_the_audit_log(customer: ServiceUnderTest) -> None:
    """C9 C11: and of whom nobody knows there is none."""
    await customer.send(registered())
    await customer.http.get("/customers/C-1/export", headers=DESK)
    (entry,) = (await customer.http.get("/audit", params={"action": "export"})).json()["items"]
    assert (entry["actor"], entry["customer_id"]) == ("privacy-desk", "C-1")
    assert (await customer.http.get("/customers/C-9/export")).status_code == 404


# What stands against an erasure


@given(st.lists(st.tuples(st.sampled_from([billing.BillIssued, billing.PaymentReceived, billing.PaymentReversed, billing.DebtWrittenOff]), st.integers(1, 99))))
def test_what_is_owed_is_what_was_billed_and_not_paid(found: list[tuple[Any, int]]) -> None:
    """C9: whatever the order; a payment taken back is owed again, a debt written off is not."""
    facts = [(payload.type, {"amount_minor": amount, "currency": "CNY"}) for payload, amount in found]
    sign = {billing.BillIssued: 1, billing.PaymentReversed: 1, billing.PaymentReceived: -1, billing.DebtWrittenOff: -1}
    assert owed(facts).get("CNY", 0) == sum(sign[payload] * amount for payload, amount in found)
    assert owed(facts) == owed(reversed(facts))


def test_credit_in_one_currency_pays_no_debt_in_another() -> None:
    """C9: each currency by itself."""
    found = obligations({}, owed={"CNY": -500, "HKD": 1}, open_cases=[], holds=[])
    assert [one.code for one in found] == ["unpaid_balance"] and "1 HKD" in found[0].detail


async def test_an_erasure_is_refused_with_every_reason(customer: ServiceUnderTest) -> None:
    """C9: contract, debt, open complaint and legal hold; nothing was touched."""
    hold = (await customer.send(*a_customer()), await customer.http.post("/customers/C-1/legal-holds", json=REASON, headers=DESK))[1].json()
    complaint = cloud_event(care.ComplaintOpened, "customer:C-1", complaint_id="K-1", at=clock.now())
    await customer.send(activated("C-1", "8613800138001"), cloud_event(billing.BillIssued, "account:A-1", amount_minor=700), complaint)
    answer = await erase(customer)
    assert answer.status_code == 409 and answer.json()["code"] == "erasure_refused"
    assert [one["code"] for one in answer.json()["reasons"]] == ["active_subscription", "unpaid_balance", "open_case", "legal_hold"]
    assert hold["hold_id"] in answer.text
    shown = await customer.http.get("/customers/C-1/personal", params={"reveal": True})
    assert shown.json()["name"] == CANARY["name"]


async def test_a_lifted_hold_stands_against_nothing(customer: ServiceUnderTest) -> None:
    """C9: placing and lifting are in the audit log; it is lifted once."""
    await customer.send(*a_customer())
    hold = (await customer.http.post("/customers/C-1/legal-holds", json=REASON, headers=DESK)).json()
    assert (await erase(customer)).status_code == 409
    lifted = await customer.http.post(f"/legal-holds/{hold['hold_id']}/lift", headers=DESK)
    assert lifted.json()["lifted_by"] == "privacy-desk"
    assert (await customer.http.post(f"/legal-holds/{hold['hold_id']}/lift")).status_code == 409
    assert (await customer.http.post("/legal-holds/none/lift")).status_code == 404
    (listed,) = (await customer.http.get("/customers/C-1/legal-holds")).json()["items"]
    assert listed == lifted.json()
    assert (await erase(customer)).status_code == 201
    actions = [entry["action"] for entry in (await customer.http.get("/audit", params={"customer_id": "C-1"})).json()["items"]]
    assert actions == ["erase", "lift_legal_hold", "place_legal_hold"]


# Erasure


@pytest.fixture
def logged(settings: Settings) -> Iterator[io.StringIO]:
    """All that is logged from here on."""
    lines, before = io.StringIO(), structlog.get_config()
    telemetry.configure(settings.model_copy(update={"log_level": "debug", "log_format": "json"}), service="customer", role="worker")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=lines))
    yield lines
    structlog.configure(**before)


async def test_nothing_personal_is_ever_kept_in_plain(logged: io.StringIO, customer: ServiceUnderTest) -> None:
    """C9: of every type of event, applied, parked, malformed or failing; in no table, file, topic of ours, or log line."""
    await customer.send(registered(accounts=("A-1",)), activated("C-1", NUMBER, subscription_id="S-1"))
    subject = {"msisdn": f"msisdn:{NUMBER}", "account": "account:A-1", "customer": "customer:C-1", "cell": "cell:460-00-17"}
    events = []
    for payload in INPUTS:
        data = orjson.loads(orjson.dumps(payload.example))
        rewrite(data, personal_fields(payload), lambda kind, value: CANARY[kind])
        events.append(cloud_event(payload, subject[payload.about[0]], **data))
        events.append(cloud_event(payload, subject["cell"] if payload.about == ("cell",) else "msisdn:8613955512300", **data))
    broken = cloud_event(care.AgentContacted, f"msisdn:{NUMBER}", reason=CANARY["text"], direction=CANARY["name"])
    headers = {"ce_specversion": b"1.0", "ce_subject": f"msisdn:{NUMBER}".encode()}
    rubbish = Message(topics.CARE, f"msisdn:{NUMBER}", f"{list(CANARY.values())}".encode(), headers)
    await customer.send(*a_customer()[:1], *events, broken, rubbish)
    await customer.http.post("/prospects", json={"source": "web", "name": CANARY["name"], "document": CANARY["document"]}, headers={"Idempotency-Key": "p"})
    await customer.http.get("/customers/C-1/personal", params={"reveal": True})
    await customer.http.get("/customers/C-1/export")
    assert not plain_in(await everything_stored(customer))
    assert not plain_in(everything_published(customer.settings))
    assert "dead_letter" in logged.getvalue() and not plain_in(logged.getvalue())


async def test_no_key_opens_what_an_erased_customer_left_behind(customer: ServiceUnderTest) -> None:
    """C9: tokens on the bus stay, and open no more; the tables hold none; every reader is told."""
    await customer.send(*a_customer(), *a_customer("C-2", "A-2")[:1])
    before = {row.customer_id: row.key_id for row in await customer.rows(sa.select(DATA_KEYS))}
    proof = (await erase(customer)).json()
    await customer.settle()
    keyring = Keyring.load(customer.settings.keyring_path)
    living = {row.key_id: keyring.unwrap(row.key_id, row.master_id, row.wrapped) for row in await customer.rows(sa.select(DATA_KEYS)) if row.wrapped}
    assert before["C-1"] not in living and before["C-2"] in living and proof["key_ids"] == [before["C-1"]]
    left = tokens_in(everything_published(customer.settings))
    assert {before["C-1"], before["C-2"]} <= {token.key_id for token in left}
    assert not plain_in("\n".join(token.open(living[token.key_id]) for token in left if token.key_id in living and token.key_id != before["C-2"]))
    assert before["C-1"] not in {token.key_id for token in tokens_in(await everything_stored(customer))}
    stored = await customer.rows(sa.select(FACTS.c.subject).where(FACTS.c.customer_id == "C-1"))
    assert {row.subject for row in stored} == {"customer:C-1", "account:A-1"}
    told = [event for event in await customer.read(topics.ACTIVITY, count=await published(customer)) if event["subject"] == "customer:C-1"]
    assert told[-1]["data"] == {"resets": True, "restated": True, "erased": True}


async def published(customer: ServiceUnderTest) -> int:
    with sqlite3.connect(customer.settings.data_dir / "bus.db") as file:
        (count,) = file.execute("SELECT count(*) FROM records WHERE topic = ?", [topics.ACTIVITY]).fetchone()
    file.close()
    return int(count)


async def test_an_erased_customer_is_gone_and_statistics_stay(customer: ServiceUnderTest) -> None:
    """C9: 410 for whoever asks, by every id; months and numbers of facts are as they were."""
    await customer.send(*a_customer(), registered("C-2"))
    await customer.http.post("/merges", json={"customers": ["C-1", "C-2"], "reason": "same person"})
    months = await customer.rows(sa.select(ROLLUPS).order_by(ROLLUPS.c.customer_id, ROLLUPS.c.month))
    answer = await erase(customer, "C-2")
    assert answer.status_code == 201, answer.text
    for path in (
        "/customers/C-1",
        "/customers/C-2",
        "/customers/C-1/personal",
        "/customers/C-2/export",
        "/customers/C-1/consents",
        "/customers/C-1/legal-holds",
        "/customers/C-1/matches",
        "/customers/C-2/quality",
    ):
        assert (await customer.http.get(path)).status_code == 410, path
    assert (await erase(customer)).status_code == 410
    assert await customer.rows(sa.select(ROLLUPS).order_by(ROLLUPS.c.customer_id, ROLLUPS.c.month)) == months and months
    books = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert books["balanced"] and books["recount"]["agrees"]
    left = await customer.rows(sa.select(IDENTIFIERS.c.identifier))
    assert sorted(identifier for (identifier,) in left) == ["account:A-1", "customer:C-1", "customer:C-2"]


async def test_the_proof_says_what_was_done_and_can_not_be_altered(customer: ServiceUnderTest) -> None:
    """C9 C11: its digest stands in the audit log; it says until when the producers' own topics can still be read."""
    await customer.send(*a_customer())
    proof = (await erase(customer)).json()
    assert (await customer.http.get("/customers/C-1/erasure")).json() == proof
    assert set(proof["readable_until"]) == set(topics.INPUTS)
    assert proof["counts"]["facts"] >= 4 and proof["counts"]["identifiers"] == 4
    (entry,) = (await customer.http.get("/audit", params={"action": "erase"})).json()["items"]
    (row,) = await customer.rows(sa.select(ERASURES))
    assert entry["details"] == {"erasure_id": proof["erasure_id"], "digest": digest_of(row._asdict())}
    assert digest_of(row._asdict() | {"reason": "another"}) != proof["digest"]
    await customer.send(registered("C-2"))
    assert (await customer.http.get("/customers/C-2/erasure")).status_code == 404
    assert await audit_verify.run(customer.settings) == 0


async def test_what_comes_late_about_an_erased_customer_keeps_nothing_personal(customer: ServiceUnderTest) -> None:
    """C9: it is counted, and its personal texts are dropped; no new key is made."""
    await customer.send(*a_customer())
    await erase(customer)
    late = cloud_event(care.SurveyAnswered, "customer:C-1", regarding=CANARY["text"])
    await customer.send(late, paid("account:A-1", 300))
    (fact,) = await customer.rows(sa.select(FACTS).where(FACTS.c.id == late["id"]))
    assert (fact.customer_id, fact.data["regarding"]) == ("C-1", pii.ERASED)
    assert not await customer.rows(sa.select(DATA_KEYS).where(DATA_KEYS.c.customer_id == "C-1", DATA_KEYS.c.wrapped.is_not(None)))
    assert (await customer.http.get("/customers/C-1")).status_code == 410


async def test_an_erased_customers_number_is_not_given_back_to_an_earlier_owner(customer: ServiceUnderTest) -> None:
    """C4 C9: of whom nobody ever reported that they left: what comes late about the erased customer stays theirs."""
    await customer.send(registered("C-0"), activated("C-0", NUMBER, at=NOON - timedelta(days=600)))
    await customer.send(*a_customer())
    await erase(customer)
    late = used(NUMBER, at=NOON - timedelta(days=3))
    await customer.send(late)
    (fact,) = await customer.rows(sa.select(FACTS).where(FACTS.c.id == late["id"]))
    assert fact.customer_id == "C-1"


async def test_who_comes_back_begins_anew(customer: ServiceUnderTest) -> None:
    """C9: registered again after the erasure they have a new key, nothing of before, and can be erased again."""
    await customer.send(*a_customer())
    first = (await erase(customer)).json()
    await customer.send(registered("C-1", at=clock.now() + timedelta(minutes=1), name="Canary Li", document=None, birth_date=None))
    shown = (await customer.http.get("/customers/C-1/personal", params={"reveal": True})).json()
    assert shown["name"] == "Canary Li" and CANARY["document"] != shown["document"]
    again = await erase(customer)
    assert again.status_code == 201, again.text
    assert set(again.json()["key_ids"]).isdisjoint(first["key_ids"])


async def test_the_prospect_a_customer_was_is_erased_with_them(customer: ServiceUnderTest) -> None:
    """C7 C9: their key too."""
    body = {"source": "web", "name": CANARY["name"], "document": CANARY["document"]}
    prospect_id = (await customer.http.post("/prospects", json=body, headers={"Idempotency-Key": "p"})).json()["prospect_id"]
    await customer.send(*a_customer()[:1], activated("C-1", NUMBER, subscription_id="S-C-1", at=clock.now()))
    await customer.send(terminated("C-1", "S-C-1", at=clock.now() + timedelta(minutes=1)))
    (row,) = await customer.rows(sa.select(PROSPECTS))
    assert row.customer_id == "C-1"
    assert (await erase(customer)).status_code == 201
    (row,) = await customer.rows(sa.select(PROSPECTS))
    (key,) = await customer.rows(sa.select(DATA_KEYS).where(DATA_KEYS.c.customer_id == f"prospect:{prospect_id}"))
    assert row.personal == {} and key.wrapped is None


# Dead letters


async def test_dead_letters_are_sealed_and_opened_for_who_looks(customer: ServiceUnderTest) -> None:
    """C9 E6: in the table and on the topic; listed, replayed and fixed as if they were not."""
    await customer.send(registered(), activated("C-1", NUMBER))
    broken = cloud_event(care.AgentContacted, f"msisdn:{NUMBER}", reason=CANARY["text"], direction="sideways")
    await customer.send(broken)
    (row,) = await customer.rows(sa.select(DEAD))
    keyring = Keyring.load(customer.settings.keyring_path)
    assert row.key == keyring.subject(f"msisdn:{NUMBER}") and row.headers == {} and not plain_in(row.value.decode("latin-1"))
    (shown,) = (await customer.http.get("/dead-letters")).json()["items"]
    assert (shown["key"], orjson.loads(shown["value"])) == (f"msisdn:{NUMBER}", broken)
    fixed = broken | {"data": broken["data"] | {"direction": "inbound", "reason": "service"}}
    answer = await customer.http.post(f"/dead-letters/{shown['id']}/replay", json={"event": fixed})
    assert answer.status_code == 202 and answer.json()["status"] == "replayed"
    await customer.expect(topics.CARE, 1)
    (fact,) = await customer.rows(sa.select(FACTS).where(FACTS.c.type == care.AgentContacted.type))
    assert fact.customer_id == "C-1"


async def test_dead_letters_about_an_erased_customer_are_deleted(customer: ServiceUnderTest) -> None:
    """C9: those that came while the number was theirs, and those under their own ids."""
    await customer.send(*a_customer()[:-1])
    await customer.send(cloud_event(care.AgentContacted, f"msisdn:{NUMBER}", direction=7), cloud_event(care.AgentContacted, "customer:C-9", direction=7))
    assert len(await customer.rows(sa.select(DEAD))) == 2
    await customer.send(terminated("C-1", "S-C-1", at=clock.now() + timedelta(minutes=1)))
    proof = (await erase(customer)).json()
    assert proof["counts"]["dead_letters"] == 1
    assert [row.key for row in await customer.rows(sa.select(DEAD))] == ["customer:C-9"]


# Consents


async def test_consents_are_told_with_their_history(customer: ServiceUnderTest) -> None:
    """C9: purpose, channel, legal basis and the event of each, newest first; refused since is refused."""
    given_ = {"channel": "sms", "granted": True, "purpose": "marketing", "legal_basis": "consent"}
    first = registered(consents=[given_, {"channel": "email", "granted": True, "purpose": "survey", "legal_basis": "legitimate_interest"}])
    since = cloud_event(CustomerUpdated, "customer:C-1", at=NOON, consents=[given_ | {"granted": False}])
    await customer.send(first, since)
    answer = (await customer.http.get("/customers/C-1/consents")).json()
    assert {(one["purpose"], one["channel"]): one["granted"] for one in answer["consents"]} == {("marketing", "sms"): False, ("survey", "email"): True}
    assert [(one["event_id"], one["channel"], one["granted"]) for one in answer["history"]] == [
        (since["id"], "sms", False), (first["id"], "sms", True), (first["id"], "email", True),
    ]  # fmt: skip
    assert answer["history"][2]["legal_basis"] == "legitimate_interest" and answer["history"][0]["said_at"].startswith("2026-10-15")
    assert (await customer.http.get("/customers/C-9/consents")).status_code == 404


# Retention periods


async def expire(customer: ServiceUnderTest) -> None:
    keyring = Keyring.load(customer.settings.keyring_path)
    while await upkeep.expire(customer.database, keyring):
        pass


async def age(customer: ServiceUnderTest, table: sa.Table, column: str, days: int) -> None:
    async with customer.database.transaction() as tx:
        await tx.execute(sa.update(table).values({column: clock.now() - timedelta(days=days)}))


async def test_facts_past_their_period_are_deleted_and_the_months_stay(customer: ServiceUnderTest) -> None:
    """C9: so does who the customer is; what was deleted is counted, audited, and the books agree."""
    await customer.send(*a_customer(), paid("account:A-unknown"))
    await age(customer, FACTS, "recorded_at", 2000)
    await customer.send(paid(amount_minor=7))
    months = await customer.rows(sa.select(ROLLUPS))
    await expire(customer)
    left = {row.type for row in await customer.rows(sa.select(FACTS))}
    assert left == REGISTRY_TYPES & {event["type"] for event in a_customer()} | {billing.PaymentReceived.type}
    assert await customer.rows(sa.select(ROLLUPS)) == months
    books = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert books["recount"]["agrees"] and books["recount"]["parked"] == 0 and books["recount"]["expired"] >= 5
    (entry,) = (await customer.http.get("/audit", params={"action": "expire"})).json()["items"]
    assert entry["details"]["parked"] == 1 and entry["actor"] == "holdfast/customer"
    told = {one["kind"]: one for one in (await customer.http.get("/retention-periods")).json()["items"]}
    assert told["parked"]["deleted"] == 1 and told["facts"]["days"] == 775


async def test_more_than_one_page_expires(customer: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """C9: page after page, day after day of recording, and what is younger stays."""
    monkeypatch.setattr(upkeep, "DELETED_AT_ONCE", 3)
    await customer.send(registered(accounts=("A-1",)), *(paid(amount_minor=number + 1) for number in range(10)))
    await age(customer, FACTS, "recorded_at", 800)
    await customer.send(*(paid(amount_minor=number + 1) for number in range(2)))
    await expire(customer)
    assert len(await customer.rows(sa.select(FACTS))) == 3
    (counted,) = await customer.rows(sa.select(EXPIRIES).where(EXPIRIES.c.kind == "facts"))
    assert counted.rows == 10


async def test_the_oldest_audit_entries_go_and_the_rest_still_verifies(customer: ServiceUnderTest) -> None:
    """C9 C11: where the log starts from then on is signed; a start set by hand is found."""
    await customer.send(registered())
    for _ in range(4):
        await customer.http.get("/customers/C-1/export")
    assert await audit_verify.run(customer.settings) == 0
    keyring = Keyring.load(customer.settings.keyring_path)
    async with customer.database.transaction() as tx:
        assert await audit.forget(tx, keyring, before=clock.wall() + timedelta(days=1), limit=2) == 2
    assert [row.entry_id for row in await customer.rows(sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.entry_id))] == [3, 4]
    assert await audit_verify.run(customer.settings) == 0
    async with customer.database.transaction() as tx:
        assert await audit.forget(tx, keyring, before=clock.wall() + timedelta(days=1), limit=9) == 1
        assert await audit.forget(tx, keyring, before=clock.wall() + timedelta(days=1), limit=9) == 0
    await customer.http.get("/customers/C-1/export")
    assert await audit_verify.run(customer.settings) == 0
    async with customer.database.transaction() as tx:
        await tx.execute(sa.text("DELETE FROM audit_log WHERE entry_id = 4"))
        await tx.execute(sa.text("UPDATE audit_anchors SET entry_id = 4 WHERE name = 'start'"))
    assert await audit_verify.run(customer.settings) == 1


async def test_prospects_nobody_touched_are_forgotten(customer: ServiceUnderTest) -> None:
    """C7 C9: with their keys."""
    for number in range(2):
        await customer.http.post("/prospects", json={"source": "web", "name": f"Canary {number}"}, headers={"Idempotency-Key": str(number)})
    await age(customer, PROSPECTS, "changed_at", 400)
    await customer.http.post("/prospects", json={"source": "web", "name": "Young"}, headers={"Idempotency-Key": "young"})
    await expire(customer)
    assert len(await customer.rows(sa.select(PROSPECTS))) == 1
    keys = await customer.rows(sa.select(DATA_KEYS).where(DATA_KEYS.c.customer_id.like("prospect:%")))
    assert sorted(key.wrapped is None for key in keys) == [False, True, True]


@pytest.mark.parametrize(("name", "days"), [("audit_days", 183), ("facts_days", 300), ("parked_days", 0)])
def test_periods_below_their_floor_are_refused(name: str, days: int) -> None:
    """C9 C11: half a year of audit log is the least that the law asks for."""
    with pytest.raises(ValidationError):
        Periods(**{name: days})


# Rotation


async def test_data_keys_follow_the_newest_master_key(customer: ServiceUnderTest) -> None:
    """C9: page by page, while everything stays readable; the running service notices by itself."""
    await customer.send(*a_customer(), *a_customer("C-2", "A-2")[:1])
    assert (await customer.http.get("/keys")).json()["to_rewrap"] == 0
    assert await rotate_keys.run(customer.settings) == 0
    state = (await customer.http.get("/keys")).json()
    assert state["newest_master_id"] == "m2" and state["to_rewrap"] == sum(one["data_keys"] for one in state["masters"]) >= 2
    keyring = Keyring.load(customer.settings.keyring_path)
    await upkeep.rewrap(customer.database, keyring)
    state = (await customer.http.get("/keys")).json()
    assert [one["master_id"] for one in state["masters"]] == ["m2"] and state["to_rewrap"] == 0
    shown = (await customer.http.get("/customers/C-1/personal", params={"reveal": True})).json()
    assert shown["name"] == CANARY["name"]
    await customer.send(registered("C-3", name="Canary Three"))
    assert (await customer.http.get("/customers/C-3/personal", params={"reveal": True})).json()["name"] == "Canary Three"
    (entry,) = (await customer.http.get("/audit", params={"action": "rotate_keys"})).json()["items"]
    assert entry["details"] == {"master_id": "m2"}


async def test_destroyed_keys_are_not_wrapped_anew(customer: ServiceUnderTest) -> None:
    """C9: what is destroyed stays destroyed through a rotation."""
    await customer.send(*a_customer())
    await erase(customer)
    await rotate_keys.run(customer.settings)
    await upkeep.rewrap(customer.database, Keyring.load(customer.settings.keyring_path))
    state = (await customer.http.get("/keys")).json()
    assert state["destroyed"] == 1 and state["to_rewrap"] == 0
    assert not await customer.rows(sa.select(DATA_KEYS).where(DATA_KEYS.c.customer_id == "C-1", DATA_KEYS.c.wrapped.is_not(None)))
