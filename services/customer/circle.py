"""Whom a customer calls, as far as it tells them from others: the calling circle, of numbers by their keyed index.

A customer who comes back under another name keeps calling the same people. The circle is kept as its contacts themselves
and not as a MinHash signature: of twenty contacts a signature that misses as little needs as many rows, and would still have
to be verified against the contacts. Looking one up is one index probe per contact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

# The people one calls every week. Those after them change from month to month.
CONTACTS = 20
# A number in more recent circles than this is a shop, a school or a courier: it tells nobody apart.
MOST_CIRCLES = 40
# Families and teams share up to half a dozen contacts. Simulated (tests/customer/test_reentry.py, after four weeks of calls): with
# these limits 99 % of those are known who changed a fifth of their ties, 93 % who changed a third, 70 % who changed half; 1 in
# 800 pairs of a family is mistaken for one person, of strangers none. From 5 contacts and 30 % on it is 2 families in 5; from
# 50 % on, a quarter of those who changed a third is missed.
SHARED_CONTACTS = 8
SHARED_SHARE = 0.4


def circle(summaries: Iterable[Collection[str]]) -> frozenset[str]:
    """The contacts that most summaries list; by name where they are equal, so that the same summaries give the same circle."""
    listed = Counter(contact for summary in summaries for contact in set(summary) if contact)
    return frozenset(sorted(listed, key=lambda contact: (-listed[contact], contact))[:CONTACTS])


def likeness(shared: int, one: int, other: int) -> float | None:
    """Share of the smaller circle that both have; None when that is too little to say they are the same person's.

    Of the smaller one, because a newcomer shows only part of theirs in the first weeks.
    """
    if shared < SHARED_CONTACTS:
        return None
    share = shared / min(one, other)
    return round(share, 4) if share >= SHARED_SHARE else None
