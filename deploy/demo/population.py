"""Who the customers are, what they hold, and what only the simulation knows of them. Pure: seed in, people out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")

JOINING_PER_MONTH = 0.02
PORTED_IN_SHARE = 0.2
IN_A_GROUP_SHARE = 0.1
CUSTOMERS_PER_GROUP = 60
CUSTOMERS_PER_CELL = 12
WEAK_CELL_EVERY = 5
REGISTERED_TWICE_SHARE = 0.02
RETURNING_SHARE = 0.2  # of the newcomers, if there is somebody who may be back
PROSPECT_SHARE = 0.4
CIRCLE = 14
NEW_TIES = 3  # of the circle, while they were away


class Cause(StrEnum):
    """Why a customer drifts away, when they do."""

    NONE = "none"
    BAD_COVERAGE = "bad_coverage"
    PRICE = "price"
    RIVAL_OFFER = "rival_offer"
    ARREARS = "arrears"
    MULTI_SIM = "multi_sim"
    EMPLOYER_PAID = "employer_paid"
    VISITOR = "visitor"


class Responder(StrEnum):
    """What a call changes for a customer."""

    PERSUADABLE = "persuadable"
    SURE = "sure"
    LOST = "lost"
    DO_NOT_DISTURB = "do_not_disturb"


class Plan(NamedTuple):
    name: str
    brand: str
    brand_rank: int
    price_minor: int


LADDER = (
    Plan("easyown-18", "easyown", 1, 1800),
    Plan("easyown-38", "easyown", 1, 3800),
    Plan("m-zone-58", "m-zone", 2, 5800),
    Plan("m-zone-78", "m-zone", 2, 7800),
    Plan("gotone-88", "gotone", 3, 8800),
    Plan("gotone-128", "gotone", 3, 12800),
    Plan("gotone-188", "gotone", 3, 18800),
)
POSTPAID_SHARE = {"easyown": 0.1, "m-zone": 0.5, "gotone": 0.95}

CAUSES = {
    Cause.NONE: 25,
    Cause.BAD_COVERAGE: 14,
    Cause.PRICE: 18,
    Cause.RIVAL_OFFER: 16,
    Cause.ARREARS: 8,
    Cause.MULTI_SIM: 8,
    Cause.EMPLOYER_PAID: 7,
    Cause.VISITOR: 4,
}
RESPONDERS = {Responder.PERSUADABLE: 40, Responder.SURE: 25, Responder.LOST: 25, Responder.DO_NOT_DISTURB: 10}
IN_ARREARS = {Responder.SURE: 40, Responder.LOST: 60}  # a call pays no bill: they find the money themselves, or never

REGIONS = ("hangzhou", "ningbo", "wenzhou", "shaoxing")
AGENTS = tuple(f"A-{number}" for number in range(10, 26))
SLOPPY_AGENT = "A-17"  # puts down as little as the form lets through
STARS = {1: 40, 2: 25, 3: 20, 4: 10, 5: 5}

FAMILY_NAMES = ("Li", "Wang", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu")
GIVEN_NAMES = ("Wei", "Fang", "Na", "Min", "Jing", "Lei", "Qiang", "Yan", "Jun", "Mei", "Tao", "Xia")


@dataclass(frozen=True, slots=True)
class Customer:
    seed: int
    number: int
    since: date  # the first day the simulation follows them; `joined` may lie years before
    joined: datetime
    msisdn: str
    ported_in: bool
    name: str
    document: str
    birth_date: date
    email: str | None
    imsi: str
    imei: str
    circle: tuple[str, ...]
    service_star: int
    agent: str
    former_customer_id: str | None
    registered_twice: bool
    region: str
    cell: str
    household: str | None
    cug: str | None
    plan: Plan
    payment_type: Literal["prepaid", "postpaid"]
    cause: Cause
    responder: Responder
    calls_per_week: float
    data_kb_per_week: float
    off_net_share: float

    @property
    def customer_id(self) -> str:
        return f"C-{self.number:05d}"

    @property
    def account(self) -> str:
        return f"A-{self.number:05d}"

    @property
    def subscription_id(self) -> str:
        return f"S-{self.number:05d}"

    @property
    def twin_id(self) -> str:
        """Whom another channel registered, not knowing that it is the same person."""
        return f"{self.customer_id}-2"

    @property
    def employer_paid(self) -> bool:
        return self.cause is Cause.EMPLOYER_PAID

    @property
    def visitor(self) -> bool:
        return self.cause is Cause.VISITOR

    @property
    def reporting_weekday(self) -> int:
        return self.number % 7

    def random(self, *purpose: object) -> Random:
        """Dice of their own for each purpose, so that no draw depends on what was drawn elsewhere."""
        return Random(":".join(map(str, (self.seed, self.number, *purpose))))


def initial(seed: int, size: int, first_day: date) -> Iterator[Customer]:
    """Those who are customers when the history begins."""
    for number in range(size):
        days_ago = Random(f"{seed}:{number}:tenure").randint(30, 3000)
        yield _born(seed, size, number, since=first_day, joined=first_day - timedelta(days=days_ago))


def newcomer(seed: int, size: int, number: int, day: date, recycled_msisdn: str | None = None) -> Customer:
    return _born(seed, size, number, since=day, joined=day, recycled_msisdn=recycled_msisdn)


def back_again(one: Customer, former: Customer) -> Customer:
    """The newcomer is somebody who left: with the same people to call, and their old document or device, or neither."""
    dice = one.random("back again")
    circle = (*former.circle[NEW_TIES:], *one.circle[:NEW_TIES])
    back = replace(one, former_customer_id=former.customer_id, name=former.name, birth_date=former.birth_date, circle=circle, registered_twice=False)
    kept = dice.choice(("document", "imei", None))
    return replace(back, **{kept: getattr(former, kept)}) if kept else back


def known_by(one: Customer, former: Customer) -> str:
    """What gives the one who is back away, the surest first."""
    return "document" if one.document == former.document else "device" if one.imei == former.imei else "circle"


def may_be_back(seed: int, number: int) -> bool:
    return Random(f"{seed}:{number}:back").random() < RETURNING_SHARE


def was_prospect(seed: int, number: int) -> bool:
    """Somebody had put them down as a prospect before they came."""
    return not may_be_back(seed, number) and Random(f"{seed}:{number}:prospect").random() < PROSPECT_SHARE


def newcomers_on(seed: int, size: int, day: date) -> int:
    expected = size * JOINING_PER_MONTH * 12 / 365
    return int(expected) + (Random(f"{seed}:newcomers:{day}").random() < expected % 1)


def _fresh_msisdn(number: int) -> str:
    return f"86138{10_000_000 + number * 7919 % 90_000_000}"


def device(dice: Random) -> str:
    """An IMEI; its first eight digits are the device's type."""
    return f"35{dice.randint(600_000, 999_999)}{dice.randint(0, 9_999_999):07d}"


def _email(name: str, number: int, dice: Random) -> str | None:
    return f"{name.replace(' ', '.').lower()}{number}@mail.example" if dice.random() < 0.7 else None


def _born(seed: int, size: int, number: int, *, since: date, joined: date, recycled_msisdn: str | None = None) -> Customer:
    dice = Random(f"{seed}:{number}:birth")
    plan = dice.choice(LADDER)
    postpaid = dice.random() < POSTPAID_SHARE[plan.brand]
    cause = _draw(dice, CAUSES)
    if cause is Cause.ARREARS and not postpaid:
        cause = Cause.PRICE  # prepaid customers can not owe
    groups = max(1, size // CUSTOMERS_PER_GROUP)
    in_a_group = cause is Cause.EMPLOYER_PAID or dice.random() < IN_A_GROUP_SHARE
    region = Random(f"{seed}:{number // 3}:home").choice(REGIONS)
    person = Random(f"{seed}:{number}:person")
    name = f"{person.choice(FAMILY_NAMES)} {person.choice(GIVEN_NAMES)}"
    birth_date = date(person.randint(1950, 2005), person.randint(1, 12), person.randint(1, 28))
    return Customer(
        seed=seed,
        number=number,
        since=since,
        joined=datetime.combine(joined, time(dice.randint(1, 9), dice.randint(0, 59)), UTC),
        msisdn=recycled_msisdn or _fresh_msisdn(number),
        ported_in=since == joined and not recycled_msisdn and dice.random() < PORTED_IN_SHARE,
        name=name,
        document=f"id_card:330106{birth_date:%Y%m%d}{number % 10_000:04d}",
        birth_date=birth_date,
        email=_email(name, number, person),
        imsi=f"46000{number:010d}",
        imei=device(person),
        circle=tuple(f"86139{person.randint(10_000_000, 99_999_999)}" for _ in range(CIRCLE)),
        service_star=_draw(person, STARS),
        agent=person.choice(AGENTS),
        former_customer_id=None,
        registered_twice=person.random() < REGISTERED_TWICE_SHARE,
        region=region,
        cell=_home_cell(dice, region, size, weak=cause is Cause.BAD_COVERAGE),
        household=f"H-{number // 3:05d}" if number // 3 % 2 else None,
        cug=f"CUG-{dice.randrange(groups)}" if in_a_group else None,
        plan=plan,
        payment_type="postpaid" if postpaid or cause is Cause.EMPLOYER_PAID else "prepaid",
        cause=cause,
        responder=_draw(dice, IN_ARREARS if cause is Cause.ARREARS else RESPONDERS),
        calls_per_week=dice.lognormvariate(3.6, 0.5),
        data_kb_per_week=dice.lognormvariate(14.6, 0.7),
        off_net_share=dice.uniform(0.2, 0.5),
    )


def _draw(dice: Random, weights: dict[T, int]) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]


def _home_cell(dice: Random, region: str, size: int, *, weak: bool) -> str:
    """One cell in five covers its homes badly; those who suffer from it live there."""
    cells = max(WEAK_CELL_EVERY, size // len(REGIONS) // CUSTOMERS_PER_CELL)
    numbers = [number for number in range(cells) if (number % WEAK_CELL_EVERY == 0) == weak]
    return f"460-{REGIONS.index(region):02d}-{dice.choice(numbers)}"
