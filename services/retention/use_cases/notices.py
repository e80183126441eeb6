"""What a person decided for a customer, told to the customer: through the same gates as every other contact."""

from __future__ import annotations

from services.retention import occasion
from services.retention.contactable import Contactable
from services.retention.occasion import CREDIT_APPROVED, Alert
from services.retention.repository import decisions
from services.retention.settings import load
from services.retention.use_cases import hearing
from services.retention.use_cases.deciding import decide_about
from shared.contracts.retention import CreditApproved
from shared.database import Transaction


async def tell_of_credit(tx: Transaction, credit: CreditApproved, customer: Contactable) -> None:
    """By one campaign at most, so that nobody is told twice: of several one that is running, the first by id; by none while none is approved.
    The customer is locked."""
    raised = occasion.of_credit(credit)
    about = {"credit": {"amount_minor": credit.amount_minor, "currency": credit.currency, "cause": credit.cause}}
    alert = Alert(customer.customer_id, raised, about=about)
    await hearing.keep(tx, [alert])
    telling = [one for one in await decisions.lock_campaigns(tx) if CREDIT_APPROVED in one.offers]
    if not telling:
        return
    first = min(telling, key=lambda one: (one.state != "running", one.campaign_id))
    await decide_about(tx, [alert], {customer.customer_id: customer}, default_zone=load().timezone, only=first.campaign_id)
