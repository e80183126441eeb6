"""The rules find what they are for, and nothing in what is allowed."""

from __future__ import annotations

import pytest

from tests.lint.code_rules import breaches


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("await tx.commit()", "committed"),
        ("datetime.now(UTC)", "time comes"),
        ("time.sleep(1)", "time comes"),
        ("print('x')", "do not print"),
        ("Message('billing', 'k', b'')", "topic names"),
        ("decode(value, topic='activity')", "topic names"),
    ],
)
def test_each_rule_finds_its_breach(source: str, rule: str) -> None:
    (breach,) = breaches("services/customer/x.py", source)
    assert rule in breach.rule


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shared/database.py", "await connection.commit()"),
        ("shared/clock.py", "datetime.now(UTC)"),
        ("shared/worker/loop.py", "await consumer.commit(offsets)"),
        ("services/customer/x.py", "Message(topics.BILLING, 'k', b'')"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert list(breaches(path, source)) == []
