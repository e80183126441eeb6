"""audiences, schedules and runs of campaigns"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'audiences'
down_revision = '6f29d43aff96'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('campaign_runs',
    sa.Column('run_id', sa.Text(), nullable=False),
    sa.Column('campaign_id', sa.Text(), nullable=False),
    sa.Column('due_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('state', sa.Text(), nullable=False, comment='selecting, planning, deciding, done, lapsed'),
    sa.Column('cursor', sa.Text(), nullable=False, comment='of the selection: customers up to this id were looked at'),
    sa.Column('scanned', sa.BigInteger(), nullable=False),
    sa.Column('audience', sa.BigInteger(), nullable=False, comment='who belongs to it and was not exposed lately'),
    sa.Column('planned', sa.BigInteger(), nullable=True, comment='of them, whom the plan chose'),
    sa.Column('expected_profit_minor', sa.BigInteger(), nullable=True, comment='of the plan'),
    sa.Column('gap', sa.Float(), nullable=True, comment='share by which a better plan could exist at most'),
    sa.Column('started_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('ended_at', shared.database.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.campaign_id'], name=op.f('fk_campaign_runs_campaign_id')),
    sa.PrimaryKeyConstraint('run_id', name=op.f('pk_campaign_runs'))
    )
    with op.batch_alter_table('campaign_runs', schema=None) as batch_op:
        batch_op.create_index('ix_campaign_runs_campaign_id_due_at', ['campaign_id', 'due_at'], unique=False)
        batch_op.create_index('ix_campaign_runs_state', ['state'], unique=False)

    op.create_table('run_members',
    sa.Column('run_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('place', sa.Float(), nullable=False, comment='in the order of deciding: drawn, so that who comes last is not who is worth least'),
    sa.Column('options', shared.database.Json(), nullable=False, comment='(offer id, expected profit, expected cost) of each that may be made; none: another gate refuses'),
    sa.Column('stratum', sa.Text(), nullable=False),
    sa.Column('offer_id', sa.Text(), nullable=True, comment='that the plan chose'),
    sa.Column('arm', sa.Text(), nullable=True, comment='drawn within the stratum, of who is chosen'),
    sa.ForeignKeyConstraint(['run_id'], ['campaign_runs.run_id'], name=op.f('fk_run_members_run_id')),
    sa.PrimaryKeyConstraint('run_id', 'customer_id', name=op.f('pk_run_members'))
    )
    with op.batch_alter_table('run_members', schema=None) as batch_op:
        batch_op.create_index('ix_run_members_run_id_place', ['run_id', 'place'], unique=False)

    with op.batch_alter_table('campaigns', schema=None) as batch_op:
        batch_op.add_column(sa.Column('purpose', sa.Text(), server_default='selling', nullable=False, comment='selling, win_back'))
        batch_op.add_column(sa.Column('audience', shared.database.Json(), nullable=True, comment='a condition over what is known of a customer; null: everybody'))
        batch_op.add_column(sa.Column('schedule', shared.database.Json(), nullable=True, comment='when it runs by itself; null: by its occasions alone'))
        batch_op.add_column(sa.Column('again_after_days', sa.Integer(), nullable=True, comment='null: as often as there is an occasion'))

    with op.batch_alter_table('contactables', schema=None) as batch_op:
        batch_op.add_column(sa.Column('attributes', shared.database.Json(), server_default='{}', nullable=False, comment='what audiences ask for'))

    with op.batch_alter_table('worths', schema=None) as batch_op:
        batch_op.add_column(sa.Column('standing', shared.database.Json(), server_default='{}', nullable=False, comment='what audiences ask for'))
        batch_op.add_column(sa.Column('rfm_sequence', sa.BigInteger(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('rfm', shared.database.Json(), server_default='{}', nullable=False, comment='segment, r, f, m'))


def downgrade() -> None:
    with op.batch_alter_table('worths', schema=None) as batch_op:
        batch_op.drop_column('rfm')
        batch_op.drop_column('rfm_sequence')
        batch_op.drop_column('standing')

    with op.batch_alter_table('contactables', schema=None) as batch_op:
        batch_op.drop_column('attributes')

    with op.batch_alter_table('campaigns', schema=None) as batch_op:
        batch_op.drop_column('again_after_days')
        batch_op.drop_column('schedule')
        batch_op.drop_column('audience')
        batch_op.drop_column('purpose')

    op.drop_table('run_members')
    op.drop_table('campaign_runs')
