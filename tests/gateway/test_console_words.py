"""G7: whatever code the services can answer has a word in each language of the console, and what they say in words only is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from services.customer import identity, watch
from services.retention import campaign, effect, reachability, service
from services.retention.arbitration import Basis
from services.retention.contact_policy import GATES, PERSONALISED, check
from services.retention.schemas.campaigns import Trigger
from services.segmentation import tiers, words
from services.segmentation.churn import populations, sensitivity
from services.segmentation.churn.reasons.causes import CAUSE_OF, CAUSES
from services.segmentation.parameters import BUILT_IN
from shared import errors
from shared.contracts import care, customer, registry, retention, segmentation, topics
from tests.builders import NOON
from tests.gateway.test_console_files import LANGUAGES, words_of
from tests.retention.situations import varied


def literals(*types: object) -> set[str]:
    """All that a type of literals, or a union of them, allows."""
    found = {one for of in types for one in get_args(of)}
    return {one for one in found if isinstance(one, str)} | {word for one in found if get_args(one) for word in literals(one)}


def codes_of_errors(of: type[errors.HoldfastError] = errors.HoldfastError) -> Iterator[str]:
    yield of.code
    for more in of.__subclasses__():
        yield from codes_of_errors(more)


GROUPS = {
    "alert": literals(segmentation.AlertKind),
    "arm": {"treatment", "hold_out"},
    "basis": literals(Basis) | {"model", "rules"},
    "case": literals(customer.CaseStage),
    "channel": literals(campaign.Channel),
    "event": {type_.split(".")[1] for type_, payload in registry.PAYLOADS.items() if payload.topic in topics.INPUTS} | {"returned", "case_overdue"},
    "gate": {gate.__name__ for gate in GATES} | {"inbound"},
    "grade": literals(care.Severity),
    "kind": literals(segmentation.AlertKind, Trigger) | {"inbound"},
    "objection": {PERSONALISED, "automated_decisions"},
    "outcome": literals(retention.OutcomeResult),
    "population": set(populations.POPULATIONS),
    "problem": set(codes_of_errors()),
    "purpose": literals(campaign.Purpose),
    "reach": literals(reachability.ReachState, reachability.Blocked),
    "remedy": {cause.name for cause in CAUSES if cause.remedy},
    "segment": set(words.SEGMENTS),
    "sensitivity": literals(sensitivity.Kind),
    "stage": set(words.STAGES),
    "state": set(watch.STATES) | literals(campaign.State),
    "status": set(words.STATUS_GROUPS),
    "step": literals(campaign.Step),
    "tier": set(words.TIERS),
    "trouble": literals(service.Kind),
    "verdict": literals(effect.Verdict) | {"contact", "held_out", "refused"},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_word(language: str) -> None:
    known = words_of(language)
    assert {f"{group}.{code}" for group, codes in GROUPS.items() for code in codes if f"{group}.{code}" not in known} == set()
    assert {feature for feature in CAUSE_OF if not known.keys() & {f"because.{feature}", f"because.{feature}.yes"}} == set()


def test_what_a_gate_saw_is_recognised() -> None:
    """But for names: an offer's, a batch's words, what an audience asks for."""
    seen = {(gate.gate, part) for seed in range(400) for gate in check(varied(seed)) for part in gate.detail.split("; ")}
    free = {"campaign_running", "chosen", "timezone"}
    assert len({gate for gate, _ in seen}) == len(GATES)
    assert {one for one in seen if one[0] not in free and not is_known(one[1])} <= {("objection", "unheard_of"), ("objection", PERSONALISED)}


def test_verdicts_are_recognised() -> None:
    arms = [effect.Arm(*numbers) for numbers in ((0, 0), (10, 9), (200, 150), (4000, 3600), (4000, 3200))]
    texts = {effect.measure(one, other).reason for one, other in product(arms, arms)}
    assert len(texts) > 8
    assert unknown(texts) == set()


def test_states_of_feeds_and_of_what_waits_are_recognised() -> None:
    hour = watch.Hour(NOON, 1000, 100, NOON, NOON, 60)
    quiet = [hour._replace(starts_at=NOON - timedelta(days=days), dead=0, events=events) for days, events in ((3, 1000), (2, 1000), (1, 1000), (0, 9000))]
    found = {
        watch.verdict(hours, [], before=before, since=NOON, listening_since=NOON - timedelta(days=9), now=NOON + later).reason
        for hours, before, later in product(([hour], quiet, []), watch.STATES, (timedelta(0), timedelta(minutes=1), timedelta(days=1)))
    }
    assert len(found) >= 4
    assert unknown(found | {identity.why_unowned(())}) == set()


def test_places_are_recognised() -> None:
    """In the pyramid, and among whom a customer is scored."""
    rules = BUILT_IN.parameters.tiers
    measures = dict.fromkeys(get_args(words.Measure), 0)
    heard = [measures, measures | {"yearly_spend_minor": 10**7}, measures | {"written_off_minor": 1}]
    found = {
        tiers.tier_of(value, points=(10_000, 50_000, 90_000), before=before, measures=known, parameters=rules).reason
        for value, before, known in product((5_000, 9_500, 10_000, 89_000, 95_000), (None, *words.TIERS), heard)
    }
    assert len(found) > 8
    assert unknown(found) == set()


def unknown(texts: Iterable[str]) -> set[str]:
    return {part for text in texts for part in text.split("; ") if not is_known(part)}


def is_known(text: str) -> bool:
    """As core/said.js recognises it."""
    return any(found and _are_words(kinds, found.groups()) for pattern, kinds in PATTERNS if (found := pattern.fullmatch(text)))


def _are_words(kinds: Sequence[str], values: Sequence[str]) -> bool:
    return all(not kind or kind in AMOUNTS or f"{kind}.{value.replace(' ', '_')}" in ENGLISH for kind, value in zip(kinds, values, strict=True))


def _pattern(sentence: str) -> tuple[re.Pattern[str], list[str]]:
    """And what kind of thing each of its holes takes."""
    parts = re.split(r"{\w+:?(\w*)}", sentence)
    holes = [r"(-?[\d,]+(?:\.\d+)?)" if kind in AMOUNTS else "(.+?)" for kind in parts[1::2]]
    return re.compile("".join(re.escape(text) + hole for text, hole in zip(parts[::2], [*holes, ""], strict=True))), parts[1::2]


AMOUNTS = {"minor", "major"}
ENGLISH = words_of("en")
PATTERNS = [_pattern(sentence) for sentence in words_of("said").values()]
