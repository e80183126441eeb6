"""The columns of each kind of file, and how the text in them is read. What they mean to an operator: docs/guides/import.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from itertools import product
from typing import Any, NamedTuple, get_args

from shared.contracts.billing import BillLine
from shared.contracts.orders import Channel, Consent

Read = Callable[[str, tzinfo], Any]
Values = dict[str, Any]

YES = frozenset({"true", "yes", "y", "1", "t", "是"})
NO = frozenset({"false", "no", "n", "0", "f", "否"})
BETWEEN = ";"


class UnreadableCell(Exception):
    """A cell that is not what its column holds. Never says what stands in it: it may be personal."""


class Column(NamedTuple):
    """`at`: where its value goes in the payload; without it, the kind says what becomes of it."""

    name: str
    read: Read
    at: tuple[str, ...] = ()
    required: bool = False


class Reading(NamedTuple):
    """How the cells of one file are read."""

    columns: Sequence[tuple[int, Column]]
    zone: tzinfo

    def values(self, cells: Sequence[str]) -> Values:
        """What a row says, by column. An empty cell says nothing. Raises UnreadableCell."""
        found: Values = {}
        for place, column in self.columns:
            text = cells[place].strip()
            if text:
                found[column.name] = _read(column, text, self.zone)
            elif column.required:
                raise UnreadableCell(f"{column.name}: is empty")
        return found


def reading(columns: Mapping[str, Column], names: Sequence[str], zone: tzinfo) -> Reading:
    """How to read a file whose columns, by our names, are these. Raises UnreadableCell when one lacks, or is there twice."""
    problems = [f"there is no column {name}" for name, column in columns.items() if column.required and name not in names]
    problems += [f"two columns are {name}" for name in columns if names.count(name) > 1]
    if problems:
        raise UnreadableCell("; ".join(problems))
    return Reading([(place, columns[name]) for place, name in enumerate(names) if name in columns], zone)


def payload(columns: Iterable[Column], values: Values) -> Values:
    """The values that have their place in the payload, put there."""
    data: Values = {}
    for column in columns:
        if column.at and column.name in values:
            holder = data
            for step in column.at[:-1]:
                holder = holder.setdefault(step, {})
            holder[column.at[-1]] = values[column.name]
    return data


def _read(column: Column, text: str, zone: tzinfo) -> Any:
    try:
        return column.read(text, zone)
    except ValueError:
        raise UnreadableCell(f"{column.name}: is not {_EXPECTED[column.read]}") from None


def text(cell: str, _: tzinfo) -> str:
    return cell


def whole(cell: str, _: tzinfo) -> int:
    return int(cell)


def yes_or_no(cell: str, _: tzinfo) -> bool:
    folded = cell.casefold()
    if folded not in YES and folded not in NO:
        raise ValueError
    return folded in YES


def moment(cell: str, zone: tzinfo) -> datetime:
    """A date alone is its first moment; without a zone it is in the one of the import."""
    found = datetime.fromisoformat(cell)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def day(cell: str, _: tzinfo) -> str:
    return date.fromisoformat(cell[:10]).isoformat()


def several(cell: str, _: tzinfo) -> list[str]:
    return [one.strip() for one in cell.split(BETWEEN) if one.strip()]


_EXPECTED: dict[Read, str] = {
    whole: "a whole number",
    yes_or_no: "yes or no",
    moment: "a time in ISO 8601",
    day: "a date in ISO 8601",
}  # fmt: skip


def _named(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _same(read: Read, *names: str) -> list[Column]:
    """Columns that are called as their field."""
    return [Column(name, read, (name,)) for name in names]


PURPOSES = get_args(Consent.model_fields["purpose"].annotation)
CHANNELS = get_args(Channel)
# Marketing is what an export means that does not say.
CONSENTS: dict[str, tuple[str, str]] = {
    **{f"consent_{channel}": ("marketing", channel) for channel in CHANNELS},
    **{f"consent_{purpose}_{channel}": (purpose, channel) for purpose, channel in product(PURPOSES, CHANNELS) if purpose != "marketing"},
}  # fmt: skip

REGISTERED = (
    *_same(text, "kind", "name", "language", "region", "household", "corporate_account", "account_manager"),
    *_same(text, "acquisition_channel", "acquisition_agent", "timezone"),
    *_same(day, "birth_date"), *_same(whole, "service_star"), *_same(yes_or_no, "visitor", "employer_paid", "do_not_contact"), *_same(several, "accounts"),
)  # fmt: skip
ACTIVATED = (
    *_same(text, "subscription_id", "msisdn", "imsi", "payer_account", "brand", "plan", "payment_type"),
    *_same(whole, "brand_rank"), *_same(day, "contract_ends"),
)  # fmt: skip

CUSTOMERS = _named(
    Column("customer_id", text, required=True), Column("registered_at", moment, required=True), *REGISTERED,
    Column("document_kind", text), Column("document_number", text),
    Column("phone", text), Column("phone_verified", yes_or_no), Column("email", text), Column("email_verified", yes_or_no), Column("address", text),
    *(Column(name, yes_or_no) for name in CONSENTS),
    *ACTIVATED, Column("activated_at", moment), Column("terminated_at", moment), Column("termination_reason", text),
)  # fmt: skip

_SUBJECTS = (Column("account", text), Column("msisdn", text), Column("imsi", text), Column("customer_id", text))
_MONEY = (Column("amount_minor", whole, ("amount_minor",), required=True), Column("currency", text, ("currency",), required=True))
_PERIOD = (Column("period_start", moment, ("period_start",), required=True), Column("period_end", moment, ("period_end",), required=True))

USAGE = _named(
    Column("msisdn", text), Column("imsi", text), *_PERIOD,
    *(Column(f"{far_end}_{what}", whole, (far_end, what)) for far_end in ("on_net", "off_net", "fixed", "international", "premium")
      for what in ("out_calls", "out_seconds", "in_calls", "in_seconds")),
    *_same(whole, "sms_out", "sms_in", "care_calls", "missed_calls", "distinct_contacts"),
    *(Column(f"data_{generation}g_kb", whole, ("data", f"g{generation}_kb")) for generation in (2, 3, 4, 5)),
    *(Column(f"roaming_{what}", whole, ("roaming", what)) for what in ("days", "calls", "seconds", "data_kb")),
    *_same(several, "top_contacts"),
)  # fmt: skip

LINES = {f"{category}_minor": category for category in get_args(BillLine.model_fields["category"].annotation)}

BILLS = _named(
    *_SUBJECTS, Column("bill_id", text, ("bill_id",), required=True), *_MONEY, *_PERIOD, Column("due_date", day, ("due_date",), required=True),
    Column("issued_at", moment), *(Column(name, whole) for name in LINES),
)  # fmt: skip

PAYMENTS = _named(
    *_SUBJECTS, Column("payment_id", text, ("payment_id",), required=True), *_MONEY, Column("paid_at", moment, required=True),
    Column("method", text, ("method",), required=True), Column("channel", text, ("channel",), required=True), *_same(text, "bill_id"),
)  # fmt: skip
