"""S6 S7 S12 S14: churn scores as customers' activity comes in, and the life of the models that make them, over HTTP."""

from __future__ import annotations

import base64
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
import sqlalchemy as sa

from services.segmentation.churn.model import Model
from services.segmentation.churn.row import FEATURES, View, row_of
from services.segmentation.churn.scoring import stored
from services.segmentation.features import Features
from services.segmentation.parameters import Parameters
from services.segmentation.repository import churn as churning_repository
from services.segmentation.repository import customers
from services.segmentation.rfm import Purchases, payment_of
from services.segmentation.seen import Seen
from services.segmentation.standing import debt_of
from services.segmentation.tables import CHURN_MODELS, CHURN_SCORES, EXPOSURES, OBSERVATIONS
from services.segmentation.training import own
from services.segmentation.training.fit import TooThin
from services.segmentation.training.uplift import Evidence, fit_ungated
from services.segmentation.use_cases import champions
from services.segmentation.use_cases import rules as ruling
from shared import clock
from shared.bus import Message
from shared.contracts import billing, care, orders, topics
from shared.contracts.customer import Activity
from shared.contracts.decoding import decode
from shared.contracts.retention import DecisionMade
from shared.contracts.segmentation import ChurnScored, ChurnScoreDropped
from tests.builders import cloud_event
from tests.harness import ServiceUnderTest
from tests.segmentation.activity import activity, days_ago, erased, fact, merged, paid, used
from tests.segmentation.churn_models import model_of, promoted, register
from tests.segmentation.test_assessing import ask, recut_all, spends, subscribed


@pytest.fixture(autouse=True)
def _nothing_is_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """What a test promotes is all there is, and no test depends on how the shipped models were trained."""
    monkeypatch.setattr(champions, "BUILT_IN", tmp_path / "none")
    champions.built_in.cache_clear()
    champions._loaded.clear()
    yield
    champions.built_in.cache_clear()
    champions._loaded.clear()


def calls(percent: float) -> dict[str, dict[str, int]]:
    """Thirteen months of the same, but for the one running."""
    months = spends(10_000, months=13)
    newest = max(months)
    months[newest] |= {"out_on_net_seconds": round(36_000 * percent / 100)}
    return months


async def churn(segmentation: ServiceUnderTest, customer_id: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = await ask(segmentation, f"/customers/{customer_id}/churn", **query)
    return found


async def test_a_customer_is_scored_in_the_batch_that_carried_the_event(segmentation: ServiceUnderTest) -> None:
    """S6 S7: by the promoted model, to the bit what its file says of the row; base and contributions make the log-odds; the standing follows."""
    version = await promoted(segmentation, model_of())
    await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(100)))
    calm = await churn(segmentation, "c")
    await segmentation.send(activity("c", used(at=days_ago(0)), months=calls(30)))
    fallen = await churn(segmentation, "c")
    assert (fallen["basis"], fallen["population"], fallen["versions"]) == ("model", "established", {"leave": version})
    assert fallen["probability"] > 3 * calm["probability"]
    file = (await segmentation.http.get(f"/churn/models/{version}/file")).content
    model = Model.load(file, features=FEATURES)
    row = np.array([[math.nan if fallen["row"][name] is None else fallen["row"][name] for name in FEATURES]], np.float32)
    assert model.score(row).probability[0] == fallen["probability"]
    told = fallen["base"] + sum(reason["contribution"] for reason in fallen["reasons"])
    assert told == pytest.approx(math.log(fallen["probability"] / (1 - fallen["probability"])), abs=1e-5)
    strongest = fallen["reasons"][0]
    assert "30 %" in strongest["text"] and strongest["if_remedied"] == pytest.approx(calm["probability"], rel=0.2)
    standing = (await ask(segmentation, "/customers/c"))["standing"]
    assert standing["churn_probability"] == fallen["probability"]
    assert standing["revenue_at_risk_minor"] == round(fallen["probability"] * max(0, standing["future_value_minor"]))
    events = [decode(orjson.dumps(one)) for one in await segmentation.read(topics.SEGMENTS, count=2, types=(ChurnScored.type,))]
    assert [(one.sequence, one.data.probability) for one in events] == [(1, calm["probability"]), (2, fallen["probability"])]
    assert events[1].data.previous_probability == calm["probability"]
    told_first = events[1].data.reasons[0]
    assert (told_first.text, told_first.feature) == (strongest["text"], strongest["feature"])
    assert fallen["row"][strongest["feature"]] == strongest["value"]


async def test_a_score_that_hardly_moved_is_no_news(segmentation: ServiceUnderTest) -> None:
    """S6: kept, and not told again."""
    await promoted(segmentation, model_of())
    for _ in range(3):
        await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(100)))
    assert len(await segmentation.read(topics.SEGMENTS, count=1, types=(ChurnScored.type,))) == 1
    (row,) = await segmentation.rows(sa.select(CHURN_SCORES.c.published))
    assert row.published == 1


async def test_who_is_not_scored_by_a_model_is_told_why(segmentation: ServiceUnderTest) -> None:
    """S6: newcomers, visitors, employer-paid staff and who is in arrears are apart or excluded; rules go on, and the reason is shown."""
    await promoted(segmentation, model_of())
    owed = fact(billing.BillIssued, at=days_ago(90), due_date=days_ago(70).date().isoformat(), amount_minor=90_000)
    about = {
        "new": activity("new", profile=subscribed(since=20)),
        "visitor": activity("visitor", profile=subscribed() | {"visitor": True}),
        "staff": activity("staff", profile=subscribed() | {"employer_paid": True}),
        "debtor": activity("debtor", owed, profile=subscribed()),
        "left": activity("left", profile=subscribed(until=3, reason="port_out")),
    }
    await segmentation.send(*about.values())
    found = {one: await churn(segmentation, one) for one in about}
    assert {one["basis"] for one in found.values()} == {"rules"}
    assert found["new"]["population"] == "newcomers" and "there is no model of newcomers" in found["new"]["basis_reason"]
    expected = {"visitor": "is a visitor", "staff": "paid for by an employer", "debtor": "dunning level", "left": "no customer"}
    assert all(expected[one] in found[one]["basis_reason"] and found[one]["population"] is None for one in expected)
    assert found["left"]["probability"] == 0
    assert (found["debtor"]["reasons"][0]["cause"], found["debtor"]["base"]) == ("arrears", None)
    await promoted(segmentation, model_of("newcomers"))
    await segmentation.send(activity("new", used(at=days_ago(0))))
    assert (await churn(segmentation, "new"))["basis"] == "model"


async def test_a_model_is_promoted_by_a_second_person_and_rolled_back(segmentation: ServiceUnderTest) -> None:
    """S12: registered, in shadow beside the champion, promoted by four eyes, rolled back at once."""
    first = await promoted(segmentation, model_of())
    second = await register(segmentation, model_of(seed=1))
    assert await register(segmentation, model_of(seed=1), actor="eve") == second
    post = segmentation.http.post
    assert (await post(f"/churn/models/{second}/shadow", headers={"X-Actor": "ann"})).json()["state"] == "shadow"
    await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(50)))
    (row,) = await segmentation.rows(sa.select(CHURN_SCORES))
    assert (row.versions, list(row.shadow)) == ({"leave": first}, [str(second)])
    for actor, code in (("ann", "second_person_needed"), ("Ann ", "second_person_needed"), ("anonymous", "second_person_needed")):
        answer = await post(f"/churn/models/{second}/promote", json={"reason": "better"}, headers={"X-Actor": actor})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    promotion = (await post(f"/churn/models/{second}/promote", json={"reason": "better"}, headers={"X-Actor": "bob"})).json()
    assert (promotion["state"], promotion["replaced"]) == ("champion", first)
    await segmentation.send(activity("c", used(at=days_ago(0))))
    assert (await churn(segmentation, "c"))["versions"] == {"leave": second}
    listed = await ask(segmentation, "/churn/models")
    assert [one["version"] for one in listed["in_force"]] == [second]
    assert {one["version"]: one["state"] for one in listed["items"]} == {first: "retired", second: "champion"}
    assert [await ask(segmentation, f"/churn/models/{one['version']}") for one in listed["items"]] == listed["items"]
    back = (await post(f"/churn/models/{second}/rollback", json={"reason": "worse"}, headers={"X-Actor": "eve"})).json()
    assert (back["rolled_back"], back["in_force"]) == (second, first)
    await segmentation.send(activity("c", used(at=days_ago(0))))
    assert (await churn(segmentation, "c"))["versions"] == {"leave": first}
    again = await post(f"/churn/models/{second}/rollback", json={"reason": "worse"}, headers={"X-Actor": "eve"})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_roll_back")
    third = await register(segmentation, model_of(seed=2))
    assert (await post(f"/churn/models/{third}/retire", json={"reason": "no better"}, headers={"X-Actor": "ann"})).json()["state"] == "retired"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b'{"format": 1'], ids=["empty", "no onnx", "empty json", "cut json"])
async def test_a_file_that_is_no_model_is_refused(segmentation: ServiceUnderTest, content: bytes) -> None:
    """S12: with what is wrong with it, and nothing is registered."""
    body = {"content_base64": base64.b64encode(content).decode()}
    answer = await segmentation.http.post("/churn/models", json=body, headers={"X-Actor": "ann"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert await segmentation.rows(sa.select(CHURN_MODELS.c.version)) == []


async def test_a_model_of_other_rows_is_refused(segmentation: ServiceUnderTest) -> None:
    """S12: a row version that means something else is incompatible."""
    body = {"content_base64": base64.b64encode(model_of(row_version=999)).decode()}
    answer = await segmentation.http.post("/churn/models", json=body, headers={"X-Actor": "ann"})
    assert answer.status_code == 422 and "999" in answer.json()["detail"]


async def test_a_champion_that_went_bad_leaves_rules_working_and_says_so(segmentation: ServiceUnderTest) -> None:
    """S12: corrupt in the database, so rules go on; the customer and the list of models say why; the next good one serves again."""
    version = await promoted(segmentation, model_of())
    content = model_of()
    async with segmentation.database.transaction() as tx:
        await tx.execute(CHURN_MODELS.update().values(content=content[: len(content) // 2]))
    champions._loaded.clear()  # as in a worker that starts now
    await segmentation.send(activity("c", used(at=days_ago(0)), fact(orders.PortOutRequested, at=days_ago(0)), profile=subscribed(), months=calls(50)))
    found = await churn(segmentation, "c")
    assert (found["basis"], found["reasons"][0]["cause"]) == ("rules", "port_out_inquiry")
    assert f"model {version}" in found["basis_reason"]
    (trouble,) = (await ask(segmentation, "/churn/models"))["troubles"]
    assert (trouble["target"], trouble["population"]) == ("leave", "established")
    await promoted(segmentation, model_of(seed=1))
    await segmentation.send(activity("c", used(at=days_ago(0))))
    assert (await churn(segmentation, "c"))["basis"] == "model"
    assert (await ask(segmentation, "/churn/models"))["troubles"] == []


async def test_the_row_that_is_learned_from_is_the_row_that_was_served(segmentation: ServiceUnderTest) -> None:
    """C3 C10 S12: history replayed through the same code gives, to the bit, the row that was served and the row kept to learn from."""
    told = [
        activity("c", paid(9_000, at=days_ago(80)), used(at=days_ago(75)), profile=subscribed(household="H-1"), months=calls(100)),
        activity("c", fact(care.ComplaintOpened, at=days_ago(9)), fact(billing.BillIssued, at=days_ago(20)), months=calls(80)),
        activity("c", paid(9_000, at=days_ago(5)), used(at=days_ago(0)), months=calls(40)),
    ]
    for one in told:
        await segmentation.send(one)
    await recut_all(segmentation)
    (served,) = await segmentation.rows(sa.select(CHURN_SCORES.c.row))
    (observed,) = await segmentation.rows(sa.select(OBSERVATIONS))
    later = activity("c", fact(orders.PortOutRequested, at=days_ago(0)), months=calls(5))
    await segmentation.send(later)
    assert observed.observed_on == days_ago(0).date().isoformat()
    assert observed.row == served.row == await _replayed(segmentation, told)
    assert await _replayed(segmentation, [*told, later]) != served.row


async def _replayed(segmentation: ServiceUnderTest, messages: list[Message]) -> bytes:
    """By the messages alone."""
    features, paid_on = Features("c"), {}
    for one in messages:
        event: Any = decode(one.value)
        assert isinstance(event.data, Activity)
        features.take_in(event.data, event.sequence)
        for told in event.data.facts:
            if payment_of(told.type, told.data):
                paid_on[told.occurred_at.astimezone(UTC).date()] = told.data["amount_minor"]
    async with segmentation.database.reading() as tx:
        heard = await customers.heard(tx)
        in_force = await ruling.in_force(tx, clock.now())
    seen = Seen(clock.now().date(), heard["usage"], heard["payments"])
    days = sorted(paid_on)
    bought = Purchases(days[-1], len(days), sum(paid_on.values()), days[0], days[-1])
    return stored(row_of(View(features, bought, debt_of(features, seen, in_force).position, seen)))


async def test_who_is_merged_or_erased_has_no_score_and_no_trace_to_learn_from(segmentation: ServiceUnderTest) -> None:
    """S6 C9: told as dropped, in sequence; of the erased nothing is kept."""
    await segmentation.send(*(activity(one, profile=subscribed(), months=calls(100)) for one in ("a", "b", "c")))
    await recut_all(segmentation)
    await segmentation.send(merged("a", into="b"), erased("c"))
    events = [decode(orjson.dumps(one)) for one in await segmentation.read(topics.SEGMENTS, count=2, types=(ChurnScoreDropped.type,))]
    assert {(one.subject, one.sequence, one.data.reason) for one in events} == {("customer:a", 2, "merged"), ("customer:c", 2, "erased")}
    assert [row.customer_id for row in await segmentation.rows(sa.select(CHURN_SCORES.c.customer_id))] == ["b"]
    assert {row.customer_id for row in await segmentation.rows(sa.select(OBSERVATIONS.c.customer_id))} == {"a", "b"}
    assert (await churn(segmentation, "a"))["customer_id"] == "b"
    assert (await segmentation.http.get("/customers/c/churn")).status_code == 410
    assert (await segmentation.http.get("/customers/nobody/churn")).status_code == 404


async def test_a_score_can_be_asked_for_as_it_was_known(segmentation: ServiceUnderTest) -> None:
    """C10: with the reasons that were told then."""
    await promoted(segmentation, model_of())
    await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(30)))
    then, fallen = clock.now(), await churn(segmentation, "c")
    await segmentation.send(activity("c", used(at=days_ago(0)), months=calls(100)))
    known = await churn(segmentation, "c", as_of=then.isoformat())
    assert known["probability"] == fallen["probability"] > 2 * (await churn(segmentation, "c"))["probability"]
    assert known["reasons"][0]["text"] == fallen["reasons"][0]["text"]
    early = await segmentation.http.get("/customers/c/churn", params={"as_of": days_ago(3).isoformat()})
    assert early.status_code == 404


async def test_the_likeliest_are_listed_first(segmentation: ServiceUnderTest) -> None:
    """S6: page by page, each once."""
    await promoted(segmentation, model_of())
    await segmentation.send(*(activity(f"c{nth}", used(at=days_ago(0)), profile=subscribed(), months=calls(20 + 15 * nth)) for nth in range(5)))
    seen: list[Any] = []
    cursor: str | None = None
    while not seen or cursor:
        page = await ask(segmentation, "/churn/scores", limit=2, **({"cursor": cursor} if cursor else {}))
        seen, cursor = seen + page["items"], page["next_cursor"]
    assert [one["probability"] for one in seen] == sorted((one["probability"] for one in seen), reverse=True)
    assert {one["customer_id"] for one in seen} == {f"c{nth}" for nth in range(5)}
    some = await ask(segmentation, "/churn/scores", at_least=seen[1]["probability"], population="established")
    assert all(one["probability"] >= seen[1]["probability"] for one in some["items"])


def decided(customer_id: str, arm: str | None, *, campaign: str = "save", at: datetime) -> Message:
    event = cloud_event(DecisionMade, f"customer:{customer_id}", source="holdfast/retention", at=at, id=f"{campaign}:{customer_id}:{arm}")
    verdict = {"treatment": "contact", "hold_out": "held_out", None: "refused"}[arm]
    event["data"] |= {"campaign_id": campaign, "arm": arm, "verdict": verdict, "decided_at": at.isoformat(), "offer_id": None}
    return Message(topics.CONTACTS, customer_id, orjson.dumps(event))


async def test_who_is_contacted_and_who_is_held_out_is_noted_with_the_row_of_that_moment(segmentation: ServiceUnderTest) -> None:
    """S14: the first exposure to a campaign stays; a refusal is none; until both arms have enough who left, the answer says so."""
    await segmentation.send(activity("a", profile=subscribed(), months=calls(40)), activity("b", profile=subscribed(), months=calls(90)))
    (row,) = await segmentation.rows(sa.select(CHURN_SCORES.c.row).where(CHURN_SCORES.c.customer_id == "a"))
    at = days_ago(0)
    await segmentation.send(decided("a", "treatment", at=at), decided("b", "hold_out", at=at), decided("b", None, campaign="other", at=at))
    await segmentation.send(activity("a", months=calls(100)), decided("a", "hold_out", at=at))
    found = await segmentation.rows(sa.select(EXPOSURES).order_by(EXPOSURES.c.customer_id))
    assert [(one.customer_id, one.arm, one.leave) for one in found] == [("a", "treatment", None), ("b", "hold_out", None)]
    assert found[0].row == row.row
    contact = (await churn(segmentation, "a"))["sensitivity"]
    assert (contact["basis"], contact["kind"]) == ("risk_x_value", None)
    assert "of the treatment arm 0 left" in contact["reason"] and "1000 of each" in contact["reason"]


async def test_time_and_dates_of_scores_follow_the_business_clock(segmentation: ServiceUnderTest) -> None:
    await segmentation.send(activity("c", profile=subscribed(), months=calls(100)))
    found = await churn(segmentation, "c")
    assert date.fromisoformat(found["as_of"]) == clock.now().date()
    assert abs(datetime.fromisoformat(found["scored_at"]) - clock.now()) < timedelta(minutes=5)


async def test_a_model_trained_on_what_was_observed_serves(segmentation: ServiceUnderTest) -> None:
    """S12: rows and labels from this database, a card, registered and promoted; too few are refused, and say how many there are."""
    dice = np.random.default_rng(0)
    await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(100)))
    await recut_all(segmentation)
    (seen,) = await segmentation.rows(sa.select(OBSERVATIONS))
    rows, labels = [], []
    for nth in range(900):
        row, falls = np.frombuffer(seen.row, "<f4").copy(), nth % 3 == 0
        row[FEATURES.index("out_seconds_percent")] = dice.uniform(10, 50) if falls else dice.uniform(80, 120)
        day = (days_ago(60 + 5 * (nth % 40))).date().isoformat()
        rows.append({**seen._mapping, "observed_on": day, "customer_id": f"s{nth}", "row": stored(row)})
        labels.append((day, f"s{nth}", int(dice.random() < (0.6 if falls else 0.05))))
    async with segmentation.database.transaction() as tx:
        await churning_repository.observe(tx, rows)
        await churning_repository.label(tx, "leave", labels)
        found = await own.tables(tx, "leave")
    with pytest.raises(TooThin, match="at least 500 of each"):
        own.make(found["established"], target="leave", population="established", parameters=Parameters(), least_of_each=500)
    made = own.make(found["established"], target="leave", population="established", parameters=Parameters(), least_of_each=20)
    assert (made.card.rows, made.card.source, made.card.positives) == (900, "own_history", sum(label for *_, label in labels))
    assert made.card.metrics["auc"].low > 0.6
    version = await promoted(segmentation, made.content)
    await segmentation.send(activity("c", used(at=days_ago(0)), months=calls(30)))
    fallen = await churn(segmentation, "c")
    assert (fallen["versions"], fallen["basis"]) == ({"leave": version}, "model")
    assert fallen["probability"] > 0.3


async def test_sensitivity_is_served_once_it_is_learned(segmentation: ServiceUnderTest) -> None:
    """S14: registered and promoted as any model; each answer has the kind, the uplift and its interval, and ranks by what a contact saves."""
    dice = np.random.default_rng(0)
    rows = np.full((4_000, len(FEATURES)), np.nan, np.float32)
    rows[:, FEATURES.index("out_seconds_percent")] = dice.uniform(10, 120, 4_000)
    treated = dice.random(4_000) < 0.5
    falls = rows[:, FEATURES.index("out_seconds_percent")] < 60
    left = dice.random(4_000) < np.where(falls, np.where(treated, 0.2, 0.6), 0.05)
    model = fit_ungated(FEATURES, Evidence(rows, treated, left, np.arange(4_000)), replicates=8)
    version = await promoted(segmentation, orjson.dumps(model.document()))
    await segmentation.send(activity("c", used(at=days_ago(0)), profile=subscribed(), months=calls(30)))
    contact = (await churn(segmentation, "c"))["sensitivity"]
    assert (contact["basis"], contact["version"]) == ("hold_outs", version)
    assert contact["low"] < contact["uplift"] < contact["high"]
    listed = await ask(segmentation, "/churn/models")
    assert [(one["target"], one["population"]) for one in listed["in_force"]] == [("sensitivity", "everybody")]
    back = await segmentation.http.post(f"/churn/models/{version}/rollback", json={"reason": "no"}, headers={"X-Actor": "eve"})
    assert back.status_code == 200
    await segmentation.send(activity("c", used(at=days_ago(0))))
    assert (await churn(segmentation, "c"))["sensitivity"]["basis"] == "risk_x_value"
