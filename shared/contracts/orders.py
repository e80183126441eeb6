"""What order entry reports: who the customers are and what they hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import AmountOrZero, Currency, Id, Identifier, Part, Payload, Personal, PersonalMsisdn, Word

PaymentType = Literal["prepaid", "postpaid"]
Channel = Literal["call", "sms", "email", "push"]
WorkKind = Literal["installation", "repair", "relocation", "number_change", "other"]


class Consent(Part):
    """What the customer agreed to, or refused, for one purpose on one channel. What is not listed is not given."""

    channel: Channel
    granted: bool
    purpose: Literal["marketing", "profiling", "survey", "third_party"] = "marketing"
    legal_basis: Literal["consent", "contract", "legitimate_interest", "legal_obligation"] = "consent"


class ContactPoint(Part):
    """A way to reach the customer; `verified` says that the operator checked that it is theirs."""

    kind: Literal["phone", "email", "address"]
    value: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$"), Personal("contact")] = Field(
        description="A number in E.164, digits only; an e-mail address; a postal address in one text"
    )
    verified: bool = False


class CustomerAttributes(Part):
    """What is known of a customer; an absent field says nothing."""

    kind: Literal["person", "organisation"] | None = None
    name: Annotated[str, Field(min_length=1, max_length=200), Personal("name")] | None = None
    document: Annotated[Id, Personal("document")] | None = Field(default=None, description="Kind and number of the real-name document, e.g. `id_card:3301...`")
    birth_date: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Personal("date")] | None = None
    contact_points: tuple[ContactPoint, ...] | None = Field(default=None, max_length=20, description="All of them: what was reported before is replaced")
    service_star: int | None = Field(default=None, ge=1, le=5, description="Service level: how soon a complaint of theirs is due")
    language: Word | None = None
    region: Word | None = None
    visitor: bool | None = Field(default=None, description="Roams in from another region: scored apart")
    employer_paid: bool | None = None
    household: Id | None = None
    corporate_account: Id | None = None
    account_manager: Id | None = None
    acquisition_channel: Word | None = None
    acquisition_agent: Id | None = None
    timezone: Word | None = Field(default=None, description="IANA name; quiet hours are kept in it")
    do_not_contact: bool | None = None
    preferred_channel: Channel | None = Field(default=None, description="By which they like to be contacted, where they agreed to it")
    consents: tuple[Consent, ...] | None = Field(default=None, max_length=16)


class CustomerRegistered(CustomerAttributes, Payload):
    """A customer was registered, with the accounts that bill them."""

    type: ClassVar = "orders.customer_registered.v1"
    topic: ClassVar = topics.ORDERS
    about: ClassVar = ("customer",)
    example: ClassVar[dict[str, Any]] = {
        "kind": "person", "name": "Li Wei", "document": "id_card:330106198001010011", "language": "zh", "region": "hangzhou",
        "household": "H-12", "acquisition_channel": "shop", "timezone": "Asia/Shanghai", "do_not_contact": False,
        "consents": [{"channel": "call", "granted": True}, {"channel": "sms", "granted": True}], "accounts": ["A-1"],
    }  # fmt: skip

    accounts: tuple[Identifier, ...] = Field(default=(), max_length=100)
    prospect_id: Id | None = Field(default=None, description="Who they were as a potential customer (`POST /prospects`)")


class CustomerUpdated(CustomerAttributes, Payload):
    """Attributes of a customer changed; what is absent stays as it was."""

    type: ClassVar = "orders.customer_updated.v1"
    topic: ClassVar = topics.ORDERS
    about: ClassVar = ("customer", "account")
    example: ClassVar[dict[str, Any]] = {"region": "ningbo", "consents": [{"channel": "call", "granted": False}]}

    accounts: tuple[Identifier, ...] = Field(default=(), max_length=100, description="Theirs from now on, whoever paid by them before")


class OnSubscription(Payload):
    """Facts about one subscription of a customer."""

    subscription_id: Id


class SubscriptionActivated(OnSubscription):
    """A subscription started: from now on the number belongs to this customer."""

    type: ClassVar = "orders.subscription_activated.v1"
    topic: ClassVar = topics.ORDERS
    about: ClassVar[tuple[str, ...]] = ("customer", "account")
    example: ClassVar[dict[str, Any]] = {
        "subscription_id": "S-1", "msisdn": "8613800138000", "brand": "gotone", "brand_rank": 3, "plan": "gotone-128",
        "payment_type": "postpaid", "contract_ends": "2027-12-31",
    }  # fmt: skip

    msisdn: PersonalMsisdn
    imsi: Annotated[str, Field(pattern=r"^[0-9]{14,15}$"), Personal("imsi")] | None = None
    payer_account: Identifier | None = Field(default=None, description="Who pays for it, when that is not who uses it")
    brand: Word
    brand_rank: int = Field(ge=0, le=100, description="A move to a lower rank is a brand downgrade")
    plan: Word
    payment_type: PaymentType
    contract_ends: date | None = None


class SubscriptionTerminated(OnSubscription):
    """A subscription ended: from now on the number belongs to nobody."""

    type: ClassVar = "orders.subscription_terminated.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "reason": "port_out"}

    reason: Literal["port_out", "customer_request", "arrears", "fraud", "death", "transfer", "other"]


class SimChanged(OnSubscription):
    """The subscription got another SIM card: another IMSI, the same number."""

    type: ClassVar = "orders.sim_changed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "imsi": "460001234567890"}

    imsi: Annotated[str, Field(pattern=r"^[0-9]{14,15}$"), Personal("imsi")]


class PlanChanged(OnSubscription):
    """The tariff plan changed."""

    type: ClassVar = "orders.plan_changed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "plan": "gotone-88"}

    plan: Word


class BrandChanged(OnSubscription):
    """The subscription moved to another brand."""

    type: ClassVar = "orders.brand_changed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "brand": "easyown", "brand_rank": 1, "plan": "easyown-38"}

    brand: Word
    brand_rank: int = Field(ge=0, le=100)
    plan: Word


class ProductAdded(OnSubscription):
    """A product was added."""

    type: ClassVar = "orders.product_added.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "product": "video-pack", "price_minor": 1500, "currency": "CNY"}

    product: Word
    price_minor: int = Field(default=0, ge=0, le=10**12)
    currency: Currency


class ProductRemoved(OnSubscription):
    """A product was taken off."""

    type: ClassVar = "orders.product_removed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "product": "video-pack"}

    product: Word


class ContractSigned(OnSubscription):
    """A contract term was agreed."""

    type: ClassVar = "orders.contract_signed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "contract_ends": "2027-12-31"}

    contract_ends: date


class ContractRenewed(ContractSigned):
    """A contract term was extended."""

    type: ClassVar = "orders.contract_renewed.v1"
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "contract_ends": "2028-12-31"}


class ContractExpiring(ContractSigned):
    """A contract term is about to end."""

    type: ClassVar = "orders.contract_expiring.v1"
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "contract_ends": "2026-12-31"}


class Port(OnSubscription):
    """A step of a number port."""

    other_operator: Word


class PortInRequested(Port):
    """A number is to come to us from another operator."""

    type: ClassVar = "orders.port_in_requested.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "other_operator": "rival"}


class PortInCompleted(Port):
    """A number came to us from another operator."""

    type: ClassVar = "orders.port_in_completed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "other_operator": "rival"}


class PortOutRequested(Port):
    """A number is to leave us for another operator."""

    type: ClassVar = "orders.port_out_requested.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "other_operator": "rival"}


class PortOutCompleted(Port):
    """A number left us; the termination follows as an event of its own."""

    type: ClassVar = "orders.port_out_completed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "other_operator": "rival"}


class CugMembershipChanged(OnSubscription):
    """The subscription joined or left a closed user group."""

    type: ClassVar = "orders.cug_membership_changed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"subscription_id": "S-1", "cug": "CUG-7", "member": True}

    cug: Id
    member: bool


class OnWork(Payload):
    """Facts about one work order for a customer. A `work_id` is used once over all of order entry."""

    work_id: Id


class WorkPromised(OnWork):
    """Work for a customer was promised by a time. Promised again, the sooner time holds, unless the customer asked for another one."""

    type: ClassVar = "orders.work_promised.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {
        "work_id": "W-7001", "kind": "installation", "promised_by": "2026-10-08T10:00:00Z", "one_off_fee_minor": 9900, "currency": "CNY",
    }  # fmt: skip

    kind: WorkKind
    promised_by: AwareDatetime | None = Field(default=None, description="Null: by the service level of the customer's star, from the time of the event on")
    one_off_fee_minor: AmountOrZero
    currency: Currency
    asked_by_customer: bool = Field(default=False, description="The customer asked for this time in place of the one promised before")


class WorkCompleted(OnWork):
    """The work was done. Told again, the latest telling holds: that is how a wrong time is put right."""

    type: ClassVar = "orders.work_completed.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"work_id": "W-7001", "completed_at": "2026-10-12T03:30:00Z"}

    completed_at: AwareDatetime

    def occurred_at(self, event_time: datetime) -> datetime:
        return self.completed_at


class WorkCancelled(OnWork):
    """The work was called off: its fee is not due, so nothing of it is paid back."""

    type: ClassVar = "orders.work_cancelled.v1"
    topic: ClassVar = topics.ORDERS
    example: ClassVar[dict[str, Any]] = {"work_id": "W-7001"}


PAYLOADS: tuple[type[Payload], ...] = (
    CustomerRegistered,
    CustomerUpdated,
    SubscriptionActivated,
    SubscriptionTerminated,
    SimChanged,
    PlanChanged,
    BrandChanged,
    ProductAdded,
    ProductRemoved,
    ContractSigned,
    ContractRenewed,
    ContractExpiring,
    PortInRequested,
    PortInCompleted,
    PortOutRequested,
    PortOutCompleted,
    CugMembershipChanged,
    WorkPromised,
    WorkCompleted,
    WorkCancelled,
)
