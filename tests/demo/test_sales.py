"""Prospects are put down before they come, once each, and whoever comes can be recognised."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from deploy.demo.events import midnight
from deploy.demo.sales import Sales
from deploy.demo.state import State
from deploy.demo.stream import Stream

FIRST_DAY = date(2025, 1, 1)


class Season:
    """Sales and the stream beside it, day by day through a spring."""

    def __init__(self, client: httpx.Client) -> None:
        self.said = list[str]()
        self.state = State(1, 400, 0.0, FIRST_DAY, sent_until=midnight(FIRST_DAY))
        self.stream = Stream(seed=1, size=400, first_day=FIRST_DAY, fault_rate=0.0, sent_until=midnight(FIRST_DAY))
        self.sales = Sales(client, self.state, self.stream, say=self.said.append)

    def go_on(self, days: int) -> None:
        for _ in range(days):
            self.state.sent_until += timedelta(days=1)
            self.stream.until(self.state.sent_until)
            self.sales.work(self.state.sent_until)


def test_some_of_those_who_come_were_prospects_and_some_prospects_never_come(client: httpx.Client, holdfast: Any) -> None:
    """C7."""
    season = Season(client)
    season.go_on(90)
    came = {value for one in season.stream.customers.values() for value in (one.document, one.email) if one.since > FIRST_DAY}
    known_by = [one["document"] or one["contact_point"]["value"] for one in holdfast.door.prospects.values()]
    assert 4 < sum(value in came for value in known_by) < len(known_by)
    assert not season.state.counts["prospects_refused"]


def test_a_prospect_put_down_again_after_a_stop_is_the_same_one(client: httpx.Client, holdfast: Any) -> None:
    season = Season(client)
    season.go_on(30)
    before = dict(holdfast.door.prospects)
    Sales(client, season.state, season.stream, say=season.said.append).work(season.state.sent_until)
    assert holdfast.door.prospects == before
    assert not season.state.counts["prospects_refused"]


def test_a_door_in_trouble_is_tried_again_and_named_once(client: httpx.Client, holdfast: Any) -> None:
    season = Season(client)
    holdfast.door.trouble = lambda: (503, {}, b"{}")
    season.go_on(20)
    assert not holdfast.door.prospects
    assert len(season.said) == 1
    holdfast.door.trouble = lambda: None
    season.go_on(1)
    assert holdfast.door.prospects
