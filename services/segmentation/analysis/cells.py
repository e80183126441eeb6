"""The cubes: by what customers are counted, and what is counted of them."""

from __future__ import annotations

from typing import NamedTuple

from services.segmentation.features.months import COMPLAINTS, DATA_KB, IN_SECONDS, OUT_SECONDS

NONE = "none"
"""What is not known of a customer."""


class Place(NamedTuple):
    """The dimensions of a customer, as they are now: when one changes, all that is held of the customer moves to another cell."""

    brand: str
    region: str
    tier: str
    channel: str
    payment_type: str
    key_account: str
    """`yes`: graded, `no`: not."""


DIMENSIONS = Place._fields

HELD, SETTLED, COUNTING = "held", "settled", "counting"
"""Parts of a cube. Held: what customers have now. Settled: months that fell out of what is kept of a customer; they stay where
they were. Counting: a recount under way, no part of any answer."""

MEASURED = (
    "active_customers",
    *OUT_SECONDS, *IN_SECONDS, "sms_out", *DATA_KB, "roaming_days",
    "bills", "billed_minor", "overage_minor", "roaming_billed_minor", "payments", "paid_minor", "top_ups", "topped_up_minor", "reversed_minor",
    "suspensions", "written_off_minor", "points_redeemed",
    *COMPLAINTS, "complaints_overdue", "complaints_resolved", "dropped_calls", "access_failures", "network_faults", "care_calls",
    "csat_answers", "csat_sum", "nps_answers", "nps_sum",
    "agent_contacts", "retention_contacts", "retention_saves", "retention_calls", "retention_offers_accepted", "contracts_renewed",
    "plan_changes", "brand_changes", "products_added", "products_removed",
    "port_outs_requested", "forwardings_off_net", "inquiries_port_out_pin", "inquiries_contract_end", "inquiries_tariff", "inquiries_bill_detail",
)  # fmt: skip
"""Of a month: sums over its customers. `active_customers` had usage, a payment or a top-up."""

FLOWS = (
    "activations", "terminations", "port_outs", "involuntary_terminations",
    "customers_gained", "customers_lost", "customers_ported_out", "customers_lost_involuntarily",
)  # fmt: skip
"""Of a month: subscriptions that began and ended, and customers whose first began or last ended."""

STOCK = ("customers", "live_subscriptions", "at_risk", "value_minor", "future_value_minor", "revenue_at_risk_minor", "owed_minor")
"""Of now. Customers have a live subscription; value is theirs, what is owed is also of those who left."""

ASPECTS = ("status_group", "lifecycle", "category", "segment", "grade")
"""Each customer and prospect is counted once per aspect."""


class Cube(NamedTuple):
    """A table of sums: `keys` and the part say which cell."""

    name: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]


MONTH_CELLS = Cube("month_cells", ("month", *DIMENSIONS), MEASURED)
FLOW_CELLS = Cube("flow_cells", ("month", *DIMENSIONS), FLOWS)
STOCK_CELLS = Cube("stock_cells", (*DIMENSIONS, "cause"), STOCK)
ASPECT_CELLS = Cube("aspect_cells", ("aspect", "value", *DIMENSIONS), ("customers",))
CUBES = (MONTH_CELLS, FLOW_CELLS, STOCK_CELLS, ASPECT_CELLS)
