"""Whom to contact with the same budget: by risk alone, or by sensitivity learned from hold-outs. On as many warned customers as learning takes.

Two halves of a year, as an operator would do it. In the first everybody who may be contacted is, or is held out, by a coin: sensitivity is learned
from it. In the second a budget for a part of them is spent twice on the same customers: by the profit expected from the risk, and by that expected
from the sensitivity. Every decision is retention's own (`Surroundings`, `decide`), every model is segmentation's (`fit_sensitivity`); the warnings, and
what is known of the customers, are those of deploy/year/trial.py instead of what the services would have seen, so that thousands take seconds.
What a contact really changed is read off the two worlds of each customer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple

import numpy as np

from deploy.demo.population import Customer, initial
from deploy.year.trial import FEATURES, FIRST_DAY, Met, by_cause, meet
from services.retention.arbitration import Record, cost_of, weigh
from services.retention.calling_hours import CallingHours
from services.retention.campaign import Campaign, Offer
from services.retention.contactable import Contactable
from services.retention.decision import Decision, decide
from services.retention.occasion import Alert, Occasion
from services.retention.repository.worths import REACHED
from services.retention.settings import RetentionSettings
from services.retention.surroundings import Surroundings
from services.retention.worth import Worth
from services.segmentation.churn.model import Matrix
from services.segmentation.churn.sensitivity import Judged, SensitivityModel
from services.segmentation.training.uplift import Evidence, NotServable, fit_sensitivity, fit_ungated

NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
HORIZON_DAYS = 60
TRUE_WARNINGS = 0.82
"""docs/patterns.md: of the warnings of churn."""
MONTHS_WORTH = 24
BUDGET_SHARE = 0.4
"""Of what contacting everybody would cost whom the gates let through."""
SPENDING_HOLD_OUT_SHARE = 0.1
LEAST_EVENTS = 100
REPLICATES = 20
OFFER = Offer("data-boost", "10 GB", 3_000, "CNY", ("postpaid", "prepaid"), datetime(2020, 1, 1, tzinfo=UTC), None, "Ask.")
CONTACT_COST_MINOR = RetentionSettings().contact_cost_minor
CAMPAIGN = Campaign(
    campaign_id="trial", state="running", channel="call", offers={"usage_fall": ["data-boost"]}, hold_out_share=0.5, salt="trial-1", cap_contacts=1,
    cap_days=30, hours=CallingHours(time(9), time(20)), capacity=10**6,
)  # fmt: skip


class Spent(NamedTuple):
    """What one way to choose came to, in minor units; customers by whether the call kept them or drove them away."""

    contacts: int
    cost_minor: int
    kept: int
    driven_away: int
    saved_minor: int

    @property
    def profit_minor(self) -> int:
        return self.saved_minor - self.cost_minor


class Compared(NamedTuple):
    """At one size of the first half."""

    warned: int
    left: dict[str, int]
    """By arm, of the first half: the events that are learned from."""
    learned: str
    """What the training said."""
    serves: bool
    by_risk: Spent
    by_sensitivity: Spent
    """As `by_risk` where no model may serve."""


def warned(count: int, *, seed: int, shows: bool) -> list[Met]:
    """Customers met at a warning that is true as often as measured. `shows`: the operator on which the cause decides who is moved."""
    return list(islice(_warned(seed, by_cause if shows else lambda one: one), count))


def _warned(seed: int, person: Callable[[Customer], Customer]) -> Iterator[Met]:
    dice = Random(f"{seed}:false warnings")
    true = false = 0
    for customer in initial(seed, 10**6, FIRST_DAY):
        found = meet(person(customer), drifting_share=1.0, horizon_days=HORIZON_DAYS)
        if found.drifting or false < (true + 1) * (1 / TRUE_WARNINGS - 1) * dice.uniform(0.5, 1.5):
            true, false = true + found.drifting, false + (not found.drifting)
            yield found


def compare(learning: Sequence[Met], spending: Sequence[Met], sizes: Sequence[int]) -> Iterator[Compared]:
    for size in sizes:
        yield _compare(learning[:size], spending)


def _compare(learning: Sequence[Met], spending: Sequence[Met]) -> Compared:
    decided = [(one, decision.arm) for one, decision in _decided(CAMPAIGN, learning, {}, {}) if decision.arm]
    evidence = Evidence(
        np.array([one.seen for one, _ in decided], dtype=np.float32),
        np.array([arm == "treatment" for _, arm in decided]),
        np.array([one.leaves_called if arm == "treatment" else one.leaves_alone for one, arm in decided]),
        np.arange(len(decided)),
    )
    records = {OFFER.offer_id: _record([one for one, arm in decided if arm == "treatment"])}
    left = {"treatment": int(evidence.left[evidence.treated].sum()), "hold_out": int(evidence.left[~evidence.treated].sum())}
    model, told = _learn(evidence)
    risks = fit_ungated(FEATURES, evidence, replicates=2).judge(_rows(spending))  # of who was left alone: what risk alone knows
    by_risk = _spend(spending, records, _worths(spending, risks, None))
    by_sensitivity = _spend(spending, records, _worths(spending, risks, model.judge(_rows(spending)))) if model else by_risk
    return Compared(len(learning), left, told, model is not None, by_risk, by_sensitivity)


def _learn(evidence: Evidence) -> tuple[SensitivityModel | None, str]:
    try:
        model = fit_sensitivity(FEATURES, *evidence[:3], least_events=LEAST_EVENTS, replicates=REPLICATES)
    except NotServable as refused:
        return None, str(refused)
    found = model.learned.quality["qini"]
    return (
        model,
        f"Qini x 10,000: {1e4 * found.value:.0f} [{1e4 * found.low:.0f}, {1e4 * found.high:.0f}]; proven: {', '.join(model.learned.proven) or 'no kind'}",
    )


def _spend(met: Sequence[Met], records: Mapping[str, Record], worths: Mapping[str, Worth]) -> Spent:
    """The budget, for those who are expected to bring most: asked for is the profit of the last one whom it reaches, as a dry run shows it."""
    cost_minor = cost_of(OFFER, records, contact_cost_minor=CONTACT_COST_MINOR)
    dry = replace(CAMPAIGN, hold_out_share=SPENDING_HOLD_OUT_SHARE)
    profits = sorted(
        (_profit_minor(worths[one.customer.customer_id], records) for one, made in _decided(dry, met, records, worths) if made.contact), reverse=True
    )
    places = int(BUDGET_SHARE * len(profits))
    real = replace(dry, budget_minor=places * cost_minor, least_profit_minor=max(0, profits[places - 1]))
    contacted = [one for one, made in _decided(real, met, records, worths) if made.contact]
    taken = sum(one.accepted for one in contacted)
    return Spent(
        contacts=len(contacted),
        cost_minor=len(contacted) * CONTACT_COST_MINOR + taken * OFFER.cost_minor,
        kept=sum(one.saved > 0 for one in contacted),
        driven_away=sum(one.saved < 0 for one in contacted),
        saved_minor=sum(one.saved * _value_minor(one.customer) for one in contacted),
    )


def _decided(campaign: Campaign, met: Sequence[Met], records: Mapping[str, Record], worths: Mapping[str, Worth]) -> Iterator[tuple[Met, Decision]]:
    """Each warning in its turn, as retention decides it."""
    around = Surroundings(
        now=NOW, default_zone="Asia/Shanghai", catalogue={OFFER.offer_id: OFFER}, troubles={}, quiet_after_fix=timedelta(days=3),
        arms={}, contacts={}, open_tasks=Counter(), members={},
        worths=worths, records=records, contact_costs={"call": CONTACT_COST_MINOR}, budget_used=Counter(), left=Counter(), variants={}, objections={},
        warnings={}, members_of_club={}, exposed={},
    )  # fmt: skip
    for one in met:
        situation = around.situation(_warning(one.customer), campaign, _contactable(one.customer))
        decision = decide(situation)
        around.note(situation, decision)
        yield one, decision


def _warning(who: Customer) -> Alert:
    return Alert(who.customer_id, Occasion(f"usage_fall:{who.customer_id}", "usage_fall", "warning", "Usage fell", NOW))


def _contactable(who: Customer) -> Contactable:
    return Contactable(
        who.customer_id, last_sequence=1, profile_sequence=1, visitor=who.visitor, employer_paid=who.employer_paid, consents={"call": True},
        live_subscriptions=1, payment_types=(who.payment_type,),
    )  # fmt: skip


def _worths(met: Sequence[Met], risks: Judged, moved: Judged | None) -> dict[str, Worth]:
    """What segmentation would have told: the risk if left alone, and where there is a model of it, what a contact changes."""
    found = {}
    for nth, one in enumerate(met):
        sensitivity = {"basis": "hold_outs", "kind": str(moved.kind[nth]), "uplift": float(moved.uplift[nth])} if moved else {}
        name = one.customer.customer_id
        found[name] = Worth(name, 1, None, _value_minor(one.customer), 1, float(risks.p_if_left_alone[nth]), sensitivity)
    return found


def _record(called: Sequence[Met]) -> Record:
    spoken = [one for one in called if one.result in REACHED]
    return Record(len(spoken), sum(one.result == "saved" for one in spoken), sum(one.accepted for one in spoken))


def _profit_minor(worth: Worth, records: Mapping[str, Record]) -> int:
    return weigh([OFFER], worth, records, contact_cost_minor=CONTACT_COST_MINOR)[0].expected_profit_minor


def _value_minor(who: Customer) -> int:
    return who.plan.price_minor * MONTHS_WORTH


def _rows(met: Sequence[Met]) -> Matrix:
    return np.array([one.seen for one in met], dtype=np.float32)
