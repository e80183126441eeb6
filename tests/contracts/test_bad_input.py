"""E1: each kind of bad input has its documented verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from shared import clock
from shared.contracts import billing, network, topics
from shared.contracts.asyncapi import example_event
from shared.contracts.decoding import MAX_EVENT_BYTES, decode
from shared.errors import EventRejected, catalogue

PAID = example_event(billing.PaymentReceived)
USED = example_event(network.UsageSummarised)

AHEAD = clock.now() + timedelta(days=2)


def paid(**data: Any) -> bytes:
    return orjson.dumps(PAID | {"data": PAID["data"] | data})


def used(**data: Any) -> bytes:
    return orjson.dumps(USED | {"data": USED["data"] | data})


CASES = {
    "not JSON": (b"{", "malformed_json"),
    "nothing": (b"", "malformed_json"),
    "not UTF-8": (b'{"id": "\xff"}', "malformed_json"),
    "NaN": (b'{"id": NaN}', "malformed_json"),
    "nested without end": (b"[" * 100_000, "malformed_json"),
    "a list": (orjson.dumps([PAID]), "not_a_cloudevent"),
    "a number": (b"17", "not_a_cloudevent"),
    "no attributes": (b"{}", "not_a_cloudevent"),
    "an older CloudEvents": (orjson.dumps(PAID | {"specversion": "0.3"}), "not_a_cloudevent"),
    "an unknown type": (orjson.dumps(PAID | {"type": "billing.gift_given.v1"}), "unknown_event_type"),
    "a type that is no text": (orjson.dumps(PAID | {"type": 7}), "unknown_event_type"),
    "a version that is not there yet": (orjson.dumps(PAID | {"type": "billing.payment_received.v2"}), "unsupported_event_version"),
    "false for an integer": (paid(amount_minor=False), "invalid_event"),
    "text for an integer": (paid(amount_minor="12800"), "invalid_event"),
    "a fraction of the minor unit": (paid(amount_minor=128.5), "invalid_event"),
    "a negative payment": (paid(amount_minor=-1), "invalid_event"),
    "an amount beyond any database": (paid(amount_minor=2**63), "invalid_event"),
    "an integer that JSON readers turn into a float": (orjson.dumps(PAID).replace(b"12800", b"9" * 400), "malformed_json"),
    "a currency that is none": (paid(currency="yuan"), "invalid_event"),
    "a method that is none": (paid(method="barter"), "invalid_event"),
    "a NUL in a text": (paid(payment_id="a\x00b"), "invalid_event"),
    "a period that ends before it starts": (used(period_end="2026-09-01T00:00:00Z"), "invalid_event"),
    "about a cell": (orjson.dumps(PAID | {"subject": "cell:460-00-17"}), "invalid_event"),
    "a number that is no E.164": (orjson.dumps(PAID | {"subject": "msisdn:0138"}), "invalid_event"),
    "a time without a zone": (orjson.dumps(PAID | {"time": "2026-11-02T10:00:00"}), "invalid_event"),
    "the far future": (orjson.dumps(PAID | {"time": AHEAD.isoformat()}), "event_time_out_of_range"),
    "the far past": (orjson.dumps(PAID | {"time": "1989-12-31T23:59:59Z"}), "event_time_out_of_range"),
    "a summary of the far past": (used(period_start="1980-01-01T00:00:00Z", period_end="1980-01-02T00:00:00Z"), "event_time_out_of_range"),
    "more than 1 MB": (paid(channel="x" * MAX_EVENT_BYTES), "event_too_large"),
}


@pytest.mark.parametrize(("value", "code"), CASES.values(), ids=CASES)
def test_bad_input_has_its_verdict(value: bytes, code: str) -> None:
    with pytest.raises(EventRejected) as rejected:
        decode(value)
    assert rejected.value.code == code
    assert 0 < len(rejected.value.detail) < 2000


def test_the_wrong_topic_is_refused() -> None:
    with pytest.raises(EventRejected) as rejected:
        decode(orjson.dumps(PAID), topic=topics.NETWORK)
    assert rejected.value.code == "wrong_topic"


def test_the_reason_does_not_repeat_the_value() -> None:
    """Values may be personal: they stay out of logs and answers."""
    with pytest.raises(EventRejected) as rejected:
        decode(orjson.dumps(PAID | {"subject": "msisdn:+8613912345678"}))
    assert "13912345678" not in f"{rejected.value.detail}{rejected.value.extra}"


def test_exactly_at_the_limits_is_taken() -> None:
    blank = paid(note="")
    decode(paid(note="x" * (MAX_EVENT_BYTES - len(blank))))
    decode(orjson.dumps(PAID | {"time": "1990-01-01T00:00:00Z"}))
    decode(orjson.dumps(PAID | {"time": (clock.now() + timedelta(hours=23)).isoformat()}))


def test_fields_that_no_contract_knows_are_ignored() -> None:
    """So that a producer may add one before we read it."""
    event = decode(orjson.dumps(PAID | {"traceparent": "00-1-2-01", "data": PAID["data"] | {"cashback_minor": 5}}))
    assert not hasattr(event.data, "cashback_minor")


def test_any_zone_is_the_same_moment() -> None:
    event = decode(orjson.dumps(PAID | {"time": "2026-11-02T18:00:00+08:00"}))
    assert event.time == datetime(2026, 11, 2, 10, tzinfo=UTC)


def binary(data: bytes, **attributes: str) -> tuple[bytes, dict[str, bytes]]:
    """Binary mode, as it comes by Kafka: the attributes as headers, the data as the value."""
    given = {name: str(value) for name, value in PAID.items() if name not in {"data", "datacontenttype"}} | attributes
    return data, {f"ce_{name}": value.encode() for name, value in given.items() if value} | {"content-type": b"application/json"}


BINARY_CASES = {
    "no body": (binary(b""), "malformed_json"),
    "a body that is not JSON": (binary(b"{"), "malformed_json"),
    "a body that breaks out of the data": (binary(b'{}, "id": "other"'), "invalid_event"),
    "no type": (binary(orjson.dumps(PAID["data"]), type=""), "not_a_cloudevent"),
    "data that breaks the contract": (binary(b'{"payment_id": 1}'), "invalid_event"),
}


def test_binary_mode_is_the_same_event() -> None:
    value, headers = binary(orjson.dumps(PAID["data"]))
    assert decode(value, headers) == decode(orjson.dumps(PAID))


@pytest.mark.parametrize(("delivered", "code"), BINARY_CASES.values(), ids=BINARY_CASES)
def test_bad_binary_input_has_its_verdict(delivered: tuple[bytes, dict[str, bytes]], code: str) -> None:
    with pytest.raises(EventRejected) as rejected:
        decode(*delivered)
    assert rejected.value.code == code


def test_every_code_is_there_once() -> None:
    codes = [error.code for error in catalogue()]
    assert len(codes) == len(set(codes))
