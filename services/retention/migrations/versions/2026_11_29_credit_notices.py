"""a campaign that tells customers of approved credits, as a draft, with its templates"""

from datetime import UTC, datetime

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'credit_notices'
down_revision = '5d0c8a4be217'
branch_labels = None
depends_on = None

NAME = 'credit-approved'
MADE_AT = datetime(2026, 11, 29, tzinfo=UTC)

_OFFERS = sa.table('offers', *map(sa.column, ('offer_id', 'name', 'cost_minor', 'currency', 'valid_to', 'script')),
    sa.column('payment_types', shared.database.Json()), sa.column('channels', shared.database.Json()), sa.column('valid_from', shared.database.Instant()))
_CAMPAIGNS = sa.table('campaigns', *map(sa.column, ('campaign_id', 'name', 'state', 'purpose', 'channel', 'hold_out_share', 'salt', 'cap_contacts', 'cap_days',
    'opens', 'closes', 'capacity')), sa.column('offers', shared.database.Json()))
_TEMPLATES = sa.table('message_templates', *map(sa.column, ('channel', 'purpose', 'language', 'segment', 'version', 'subject', 'body', 'created_by')),
    sa.column('created_at', shared.database.Instant()))

# What a notice makes known costs nothing by itself: the credit is billing's. No agent makes it, so it is not among what the save desk offers.
NOTICE = {
    'offer_id': NAME,
    'name': 'A credit to your account',
    'cost_minor': 0,
    'currency': 'CNY',
    'payment_types': ['postpaid', 'prepaid'],
    'channels': ['sms', 'email', 'push'],
    'valid_from': datetime(2020, 1, 1, tzinfo=UTC),
    'valid_to': None,
    'script': 'A credit was approved.',
}
# Nobody is told before a person approves it. Who is owed a word is not held out.
CAMPAIGN = {
    'campaign_id': NAME,
    'name': 'Tell customers of credits that were approved',
    'state': 'draft',
    'purpose': 'notice',
    'channel': 'sms',
    'offers': {'credit_approved': [NAME]},
    'hold_out_share': 0.0,
    'salt': 'credit-approved-1',
    'cap_contacts': 50,
    'cap_days': 1,
    'opens': '09:00',
    'closes': '20:00',
    'capacity': 1_000_000,
}

_AMOUNT = '{{ credit.amount_minor|money }} {{ credit.currency }}'
ENGLISH = (
    "{% if credit.cause == 'late_work' %}Our work was not done by the time we promised."
    "{% elif credit.cause == 'outage' %}Our network failed you."
    "{% elif credit.cause == 'bill_dispute' %}Your bill gave you reason to complain."
    "{% else %}You had reason to complain.{% endif %}"
    f" We are sorry, and credit {_AMOUNT} to your account."
)
CHINESE = (
    "{% if credit.cause == 'late_work' %}我们未能按承诺的时间完成服务"
    "{% elif credit.cause == 'outage' %}我们的网络故障影响了您的使用"
    "{% elif credit.cause == 'bill_dispute' %}您的账单给您带来了困扰"
    "{% else %}我们的服务未能令您满意{% endif %}"
    f",对此我们深表歉意。补偿金额 {_AMOUNT} 将计入您的账户。"
)
TEXTS = {'en': ('A credit to your account', ENGLISH), 'zh': ('补偿已计入您的账户', CHINESE), '': ('A credit to your account', ENGLISH)}


def upgrade() -> None:
    op.bulk_insert(_OFFERS, [NOTICE])
    op.bulk_insert(_CAMPAIGNS, [CAMPAIGN])
    made = {'purpose': NAME, 'segment': '', 'version': 1, 'created_by': '', 'created_at': MADE_AT}
    op.bulk_insert(_TEMPLATES, [
        made | {'channel': channel, 'language': language, 'subject': subject if channel == 'email' else '', 'body': body}
        for channel in ('sms', 'email', 'push') for language, (subject, body) in TEXTS.items()
    ])


def downgrade() -> None:
    op.execute(f"DELETE FROM message_templates WHERE purpose = '{NAME}'")
    op.execute(f"DELETE FROM campaigns WHERE campaign_id = '{NAME}'")
    op.execute(f"DELETE FROM offers WHERE offer_id = '{NAME}'")
