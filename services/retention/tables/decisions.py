"""Whom we may contact, what we offer, what was decided, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa

from services.retention.tables.metadata import METADATA
from shared.database import Instant, Json

# Its row is the lock under which everything about a customer is decided.
CONTACTABLES = sa.Table(
    "contactables",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
    sa.Column("profile_sequence", sa.BigInteger, nullable=False, comment="of the activity that brought the profile; 0: none yet"),
    sa.Column("reset_sequence", sa.BigInteger, nullable=False, server_default="0", comment="of the activity that last told the customer anew"),
    sa.Column("merged_into", sa.Text, index=True),
    sa.Column("erased", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("do_not_contact", sa.Boolean),
    sa.Column("visitor", sa.Boolean),
    sa.Column("employer_paid", sa.Boolean),
    sa.Column("timezone", sa.Text),
    sa.Column("consents", Json, nullable=False, comment="channel -> granted, for marketing"),
    sa.Column("live_subscriptions", sa.Integer, nullable=False),
    sa.Column("payment_types", Json, nullable=False, comment="of the live subscriptions; of who left, of those that ended"),
    sa.Column("language", sa.Text),
    sa.Column("left_at", Instant, comment="when the last subscription ended; null: one is live, or none ever was"),
    sa.Column("region", sa.Text),
    sa.Column("service_star", sa.Integer),
    sa.Column("bereaved_at", Instant, comment="when a subscription ended last because somebody died"),
    sa.Column("preferred_channel", sa.Text),
    sa.Column("account_manager", sa.Text),
    sa.Column("contact_marks", Json, comment="channel -> keyed hashes of its numbers or addresses: whether another one was told of; null: never told"),
    sa.Column("attributes", Json, nullable=False, server_default="{}", comment="what audiences ask for"),
)

# Opened and resolved arrive in any order: each fills its own column.
COMPLAINTS = sa.Table(
    "complaints",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("complaint_id", sa.Text, primary_key=True),
    sa.Column("opened_at", Instant),
    sa.Column("resolved_at", Instant),
    sa.Column("kind", sa.Text, comment="complaint, bill_dispute; null: told before it was asked for"),
    sa.Column("severity", sa.Text, nullable=False, server_default="", comment="the highest so far"),
    sa.Column("opened_by", sa.Text, comment="source and id of the fact that opened it: names what is made good for ever"),
)

# What else troubles a customer: faults of the network that they met, a suspension by law, a payment they dispute.
TROUBLES = sa.Table(
    "troubles",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="outage, legal, bill_dispute, legal_hold"),
    sa.Column("trouble_id", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("began_at", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("opened_by", sa.Text),
    sa.Column("look_at", Instant, index=True, comment="of an outage under way: when it has lasted long enough to be made good"),
)

# Topics are independent: an alert may overtake the first activity of its customer.
WAITING = sa.Table(
    "waiting_alerts",
    METADATA,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("alert", sa.Text, nullable=False, comment="the payload as JSON"),
    sa.Column("waits_since", Instant, nullable=False, comment="real time"),
)

OFFERS = sa.Table(
    "offers",
    METADATA,
    sa.Column("offer_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("cost_minor", sa.BigInteger, nullable=False, comment="what it costs us when it is taken"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("payment_types", Json, nullable=False, comment="who may have it"),
    sa.Column("valid_from", Instant, nullable=False),
    sa.Column("valid_to", Instant),
    sa.Column("script", sa.Text, nullable=False),
    sa.Column("stock", sa.BigInteger, comment="pieces ever supplied; null: without end"),
    sa.Column("channels", Json, nullable=False, server_default="[]", comment="it may be made by; empty: any"),
)

# Locked while alerts are decided: so a pause holds from its answer on, and two workers can not both fill the last place.
CAMPAIGNS = sa.Table(
    "campaigns",
    METADATA,
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="draft, running, paused, stopped, archived"),
    sa.Column("budget_minor", sa.BigInteger, comment="of a calendar month; null: none is set"),
    sa.Column("purpose", sa.Text, nullable=False, server_default="selling", comment="selling; service: what serves is not held back by a trouble; win_back"),
    sa.Column("audience", Json, comment="a condition over what is known of a customer; null: everybody"),
    sa.Column("schedule", Json, comment="when it runs by itself; null: by its occasions alone"),
    sa.Column("again_after_days", sa.Integer, comment="null: as often as there is an occasion"),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="1", comment="+1 with each edit of a draft: what is approved is what was read"),
    sa.Column("drafted_by", sa.Text, nullable=False, server_default="", comment="empty: built in"),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("fallback_channels", Json, nullable=False, server_default="[]", comment="by which else, in this order"),
    sa.Column("offers", Json, nullable=False, comment="kind of alert that triggers it -> offers, the preferred one first"),
    sa.Column("hold_out_share", sa.Float, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("cap_contacts", sa.Integer, nullable=False),
    sa.Column("cap_days", sa.Integer, nullable=False),
    sa.Column("opens", sa.Text, nullable=False, comment="HH:MM on the recipient's clock"),
    sa.Column("closes", sa.Text, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False, comment="open tasks at most"),
    sa.Column("variants", Json, nullable=False, server_default="[]", comment="named ways of treating, each with its share, offers and purpose"),
    sa.Column("least_profit_minor", sa.BigInteger, comment="a contact has to be expected to bring; null: profit ranks the offers, and refuses nobody"),
)

# Who took a campaign from state to state, and why.
CAMPAIGN_STEPS = sa.Table(
    "campaign_steps",
    METADATA,
    sa.Column("campaign_id", sa.Text, sa.ForeignKey("campaigns.campaign_id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, nullable=False, comment="draft, edit, approve, pause, resume, stop, archive"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
)

# What was warned of lately, of any kind: a draft is tried on it.
HEARD_ALERTS = sa.Table(
    "heard_alerts",
    METADATA,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("alert", sa.Text, nullable=False, comment="the payload as JSON"),
    sa.Column("raised_at", Instant, nullable=False, index=True),
)

# The arm at the first exposure, kept for ever: a later change of share or salt moves nobody.
ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("campaign_id", sa.Text, sa.ForeignKey("campaigns.campaign_id"), primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("assigned_at", Instant, nullable=False),
    sa.Column("future_value_minor", sa.BigInteger, comment="at that moment; null: not known"),
    sa.Column("risk", sa.Float, comment="at that moment; null: not known"),
    sa.Column("variant", sa.Text, comment="kept for ever like the arm; null: held out, or the campaign has none"),
    sa.Column("stratum", sa.Text, comment="tier and risk band at that moment; null: not kept yet"),
)

DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("decision_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, sa.ForeignKey("campaigns.campaign_id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("alert_kind", sa.Text, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("failed_gate", sa.Text, comment="the first one"),
    sa.Column("arm", sa.Text),
    sa.Column("offer_id", sa.Text),
    sa.Column("variant", sa.Text),
    sa.Column("gates", Json, nullable=False),
    sa.Column("weighed", Json, nullable=False, server_default="[]", comment="every offer that came into question, with what its profit was made of"),
    sa.Column("worth", Json, nullable=False, server_default="{}", comment="risk, value, tier, sensitivity and the versions of the models"),
    sa.Column("policy", sa.Text, comment="version of the rules that decided; null: no rule did, or before inputs were kept"),
    sa.Column("inputs", sa.Text, comment="all they looked at, as canonical JSON; null: so too, or the customer was erased"),
    sa.Index("ix_decisions_customer_id_decided_at", "customer_id", "decided_at"),
    sa.Index("ix_decisions_campaign_id_verdict", "campaign_id", "verdict", "failed_gate"),
)

TASKS = sa.Table(
    "tasks",
    METADATA,
    sa.Column("task_id", sa.Text, sa.ForeignKey("decisions.decision_id"), primary_key=True),
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False, index=True),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("offer_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("script", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("opens", sa.Text, nullable=False, comment="calling hours, on the clock of `timezone`"),
    sa.Column("closes", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, comment="open, done, cancelled"),
    sa.Column("done_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="made that reached nobody, and were not the last"),
    sa.Column("reschedules", sa.Integer, nullable=False, server_default="0", comment="that customers asked for"),
    sa.Index("ix_tasks_campaign_id_status", "campaign_id", "status"),
    sa.Index("ix_tasks_status_priority", "status", "priority", "due_at", "task_id"),
)

# Attempts that reached nobody, and moments that customers asked for.
TASK_STEPS = sa.Table(
    "task_steps",
    METADATA,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, nullable=False, comment="unreached, asked"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False, comment="blank once the customer was erased"),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False, comment="from then on"),
)

OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), primary_key=True),
    sa.Column("campaign_id", sa.Text, nullable=False, index=True),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("offer_accepted", sa.Boolean, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
)
