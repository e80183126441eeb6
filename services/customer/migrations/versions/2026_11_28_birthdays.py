"""birthdays, found by month and day; who is known already is added by the worker, in pieces"""

from datetime import UTC, datetime, timedelta

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'birthdays'
down_revision = 'c9407f3e6d18'
branch_labels = None
depends_on = None

# A rolling restart is over by then: a worker of the release before would change customers and not note it.
AFTER = timedelta(hours=1)


def upgrade() -> None:
    op.create_table('birthdays',
    sa.Column('customer_id', sa.Text(), nullable=False, comment='who carries on after merges'),
    sa.Column('key', sa.Text(), nullable=False, comment='keyed index of month and day of birth'),
    sa.Column('zone', sa.Text(), nullable=False, comment="the customer's own; empty: the operator's"),
    sa.Column('year', sa.Integer(), nullable=False, comment='of the last birthday looked at; 0: none since something changed'),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_birthdays'))
    )
    with op.batch_alter_table('birthdays', schema=None) as batch_op:
        batch_op.create_index('ix_birthdays_key_zone_customer_id', ['key', 'zone', 'customer_id'], unique=False)

    backfill = op.create_table('birthday_backfill',
    sa.Column('reached', sa.Text(), nullable=False, comment='the id up to which all are in it'),
    sa.Column('starts_at', shared.database.Instant(timezone=True), nullable=False, comment='when no worker of the release before, which keeps no index, is left'),
    sa.PrimaryKeyConstraint('reached', name=op.f('pk_birthday_backfill'))
    )
    if op.get_bind().scalar(sa.text('SELECT 1 FROM customers LIMIT 1')):
        op.bulk_insert(backfill, [{'reached': '', 'starts_at': datetime.now(UTC) + AFTER}])


def downgrade() -> None:
    op.drop_table('birthday_backfill')
    with op.batch_alter_table('birthdays', schema=None) as batch_op:
        batch_op.drop_index('ix_birthdays_key_zone_customer_id')
    op.drop_table('birthdays')
