"""What the care desk reports about one customer because of one day. Pure, as all of behaviour.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from deploy.demo.events import Report, report
from deploy.demo.population import Cause
from deploy.demo.scene import Scene

FORGOTTEN_SHARE = 0.2  # of complaints


def asks(scene: Scene) -> Iterator[Report]:
    """Calls to the care desk: what everybody asks now and then, and what those who drift have in mind."""
    if scene.happens(1.2):
        yield _inquiry(scene, scene.dice.choice(("bill_detail", "tariff", "coverage", "contract_end", "other")))
    if scene.happens(1):
        yield report(
            scene.at(), "care.agent_contacted", scene.by_number, direction="inbound", channel="hotline", reason=scene.dice.choice(("service", "sales")),
            agent=f"A-{scene.dice.randint(10, 99)}", duration_seconds=scene.dice.randint(60, 600),
        )  # fmt: skip
    if scene.happens(0.7):
        yield report(scene.at(), "care.survey_answered", scene.by_number, nps=max(0, scene.dice.randint(6, 10) - round(5 * scene.strength)))
    if scene.drifting(Cause.PRICE) and (scene.reaches(0.25) or scene.happens(8)):
        yield _inquiry(scene, "bill_detail")
    if scene.drifting(Cause.PRICE) and (scene.reaches(0.45) or scene.happens(8)):
        yield _inquiry(scene, "tariff")
    if scene.drifting(Cause.RIVAL_OFFER) and scene.reaches(0.6):
        yield _inquiry(scene, "port_out_pin")


def _inquiry(scene: Scene, kind: str) -> Report:
    return report(scene.at(), "care.inquiry_made", scene.by_number, kind=kind, channel=scene.dice.choice(("hotline", "app", "shop")))


def complains(scene: Scene) -> Iterator[Report]:
    network = scene.drifting(Cause.BAD_COVERAGE) and (scene.reaches(0.35) or scene.happens(10))
    if not network and not scene.happens(0.5):
        return
    complaint, opened = scene.name("K"), scene.at()
    kind = "network" if network else scene.dice.choice(("billing", "service", "product", "other"))
    fault = scene.dice.choice(("no_coverage", "dropped_calls", "slow_data")) if network else None
    yield report(
        opened, "care.complaint_opened", scene.by_number, complaint_id=complaint, kind=kind, severity="major" if network else "minor",
        network_fault=fault, channel="hotline", summary="Calls drop at home" if network else "",
    )  # fmt: skip
    days = scene.dice.randint(6, 20) if network else scene.dice.randint(1, 5)
    resolved = opened + timedelta(days=days)
    yield from _progresses(scene, complaint, opened, resolved)
    if days > 10:
        again = opened + timedelta(days=7)
        yield report(again, "care.complaint_escalated", scene.by_customer, complaint_id=complaint, severity="critical", reason="called again")
    yield report(resolved, "care.complaint_resolved", scene.by_customer, complaint_id=complaint, resolution="explained and settled")
    if scene.dice.random() < 0.4:
        csat = scene.dice.randint(1, 3) if network else scene.dice.randint(3, 5)
        yield report(
            resolved + timedelta(days=1), "care.survey_answered", scene.by_customer, csat=csat, regarding=f"complaint {complaint}", complaint_id=complaint
        )


def _progresses(scene: Scene, complaint: str, opened: datetime, resolved: datetime) -> Iterator[Report]:
    """From stage to stage, by one agent; some lie about until somebody settles them at last."""
    if scene.dice.random() < FORGOTTEN_SHARE:
        return
    agent = f"A-{scene.dice.randint(40, 49)}"
    for stage, share in (("analysis", scene.dice.uniform(0.05, 0.3)), ("resolution", scene.dice.uniform(0.3, 0.9))):
        yield report(opened + (resolved - opened) * share, "care.complaint_progressed", scene.by_customer, complaint_id=complaint, stage=stage, agent=agent)
