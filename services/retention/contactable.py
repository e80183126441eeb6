"""What retention holds of a customer: whether, how and when they may be contacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.contracts.customer import Activity, Profile


@dataclass(frozen=True, slots=True)
class Contactable:
    """`last_sequence` is of the last activity applied, `profile_sequence` of the one that brought the profile; 0: none yet.

    None stands for what was never reported.
    """

    customer_id: str
    last_sequence: int = 0
    profile_sequence: int = 0
    do_not_contact: bool | None = None
    visitor: bool | None = None
    employer_paid: bool | None = None
    timezone: str | None = None
    consents: Mapping[str, bool] = field(default_factory=dict)
    live_subscriptions: int = 0
    payment_types: Sequence[str] = ()

    @property
    def known(self) -> bool:
        return self.profile_sequence > 0


def hear(held: Contactable, sequence: int, activity: Activity) -> Contactable:
    """After an activity, in or out of sequence: a profile is only ever replaced by a later one."""
    heard = replace(held, last_sequence=max(held.last_sequence, sequence))
    if activity.profile is None or sequence <= held.profile_sequence:
        return heard
    return _with_profile(heard, sequence, activity.profile)


def _with_profile(held: Contactable, sequence: int, profile: Profile) -> Contactable:
    live = [one for one in profile.subscriptions if one.activated_at is not None and one.terminated_at is None]
    return replace(
        held,
        profile_sequence=sequence,
        do_not_contact=profile.do_not_contact,
        visitor=profile.visitor,
        employer_paid=profile.employer_paid,
        timezone=profile.timezone,
        consents={one.channel: one.granted for one in profile.consents or ()},
        live_subscriptions=len(live),
        payment_types=sorted({one.payment_type for one in live if one.payment_type}),
    )
