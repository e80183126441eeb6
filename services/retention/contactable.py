"""What retention holds of a customer: whether, how and when they may be contacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.contracts.customer import Activity, BirthdayReached, Profile, Subscription
from shared.contracts.orders import Consent
from shared.errors import InvalidEvent
from shared.pii import Token

BIRTHDAY = "birthday_on"


@dataclass(frozen=True, slots=True)
class Contactable:
    """`last_sequence` is of the last activity applied, `profile_sequence` of the one that brought the profile, `reset_sequence`
    of the last that reset; 0: none yet. `consents` are those to marketing, by channel.

    None stands for what was never reported.
    """

    customer_id: str
    last_sequence: int = 0
    profile_sequence: int = 0
    reset_sequence: int = 0
    merged_into: str | None = None
    erased: bool = False
    do_not_contact: bool | None = None
    visitor: bool | None = None
    employer_paid: bool | None = None
    timezone: str | None = None
    consents: Mapping[str, bool] = field(default_factory=dict)
    live_subscriptions: int = 0
    payment_types: Sequence[str] = ()
    language: str | None = None
    left_at: datetime | None = None
    region: str | None = None
    service_star: int | None = None
    bereaved_at: datetime | None = None
    """When a subscription ended last because somebody died."""
    preferred_channel: str | None = None
    account_manager: str | None = None
    contact_marks: Mapping[str, Sequence[str]] | None = None
    """By channel, keyed hashes of the numbers or addresses it goes to: enough to see that another one was told of."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What else audiences ask for."""

    @property
    def is_gone(self) -> bool:
        return self.erased or self.merged_into is not None

    @property
    def known(self) -> bool:
        """Whether there is enough to decide by. Of who is gone nothing more will come: warnings about them do not wait."""
        return self.profile_sequence > 0 or self.is_gone


def hear(held: Contactable, sequence: int, activity: Activity) -> Contactable:
    """After an activity, in or out of sequence: a profile is only ever replaced by a later one. What is told of who is gone
    says nothing, until a reset brings them back."""
    if activity.resets:
        held = _reset(held, sequence, activity)
    heard = replace(held, last_sequence=max(held.last_sequence, sequence))
    if held.is_gone:
        return heard
    if activity.profile is not None and sequence > held.profile_sequence:
        heard = _with_profile(heard, sequence, activity.profile)
    return _with_birthday(heard, activity)


def _reset(held: Contactable, sequence: int, activity: Activity) -> Contactable:
    if sequence <= held.last_sequence:
        raise InvalidEvent("a reset can not be applied behind what was told after it: have the customer told again")
    return Contactable(held.customer_id, reset_sequence=sequence, merged_into=activity.merged_into, erased=activity.erased)


def _with_profile(held: Contactable, sequence: int, profile: Profile) -> Contactable:
    live = [one for one in profile.subscriptions if one.activated_at is not None and one.terminated_at is None]
    ended = sorted((one for one in profile.subscriptions if one.activated_at and one.terminated_at), key=lambda one: str(one.terminated_at))
    birthday = {name: on for name, on in held.attributes.items() if name == BIRTHDAY}
    return replace(
        held,
        profile_sequence=sequence,
        do_not_contact=profile.do_not_contact,
        visitor=profile.visitor,
        employer_paid=profile.employer_paid,
        timezone=profile.timezone,
        consents=_to_marketing(profile.consents or ()),
        live_subscriptions=len(live),
        payment_types=sorted({one.payment_type for one in live or ended if one.payment_type}),
        language=profile.language,
        region=profile.region,
        service_star=profile.service_star,
        bereaved_at=max((one.terminated_at for one in profile.subscriptions if one.termination_reason == "death" and one.terminated_at), default=None),
        left_at=ended[-1].terminated_at if ended and not live else None,
        attributes=_attributes(profile, live, ended) | birthday,
        preferred_channel=profile.preferred_channel,
        account_manager=profile.account_manager,
        contact_marks=_marks(profile, live),
    )


def renewed(before: Contactable, after: Contactable) -> set[str]:
    """The channels for which another number or address was told of than those that were known."""
    if before.contact_marks is None or after.contact_marks is None:
        return set()
    known = before.contact_marks
    return {channel for channel, marks in after.contact_marks.items() if not set(marks) <= set(known.get(channel, ()))}


def _marks(profile: Profile, live: Iterable[Subscription]) -> dict[str, list[str]]:
    points = profile.contact_points or ()
    numbers = _indexes([*(one.value for one in points if one.kind == "phone"), *(one.msisdn for one in live if one.msisdn)])
    return {"call": numbers, "sms": numbers, "email": _indexes(one.value for one in points if one.kind == "email")}


def _indexes(sealed: Iterable[str]) -> list[str]:
    return sorted({token.index for token in map(Token.of, sealed) if token and token.index})


def _attributes(profile: Profile, live: Sequence[Subscription], ended: Sequence[Subscription]) -> dict[str, Any]:
    """What is reported; dates as ISO texts."""
    found: dict[str, Any] = {name: getattr(profile, name) for name in ("kind", "acquisition_channel")}
    found |= {"brands": sorted({one.brand for one in live if one.brand}), "plans": sorted({one.plan for one in live if one.plan})}
    found["products"] = sorted({product for one in live for product in one.products})
    found["active_since"] = min((one.activated_at.isoformat() for one in live if one.activated_at), default=None)
    found["contract_ends"] = min((one.contract_ends.isoformat() for one in live if one.contract_ends), default=None)
    found["left_because"] = ended[-1].termination_reason if ended and not live else None
    return {name: value for name, value in found.items() if value is not None}


def _with_birthday(held: Contactable, activity: Activity) -> Contactable:
    """The day of the last one: customer tells it on the day."""
    told = [str(fact.data["on"]) for fact in activity.facts if fact.type == BirthdayReached.type]
    if not told:
        return held
    return replace(held, attributes={**held.attributes, BIRTHDAY: max(*told, held.attributes.get(BIRTHDAY, ""))})


def _to_marketing(consents: Iterable[Consent]) -> dict[str, bool]:
    """By channel. Given for one reason and refused for another is refused."""
    granted: dict[str, bool] = {}
    for one in consents:
        if one.purpose == "marketing":
            granted[one.channel] = granted.get(one.channel, True) and one.granted
    return granted
