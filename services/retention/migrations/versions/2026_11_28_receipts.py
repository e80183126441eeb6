"""stock of offers, variants of campaigns, receipts of decisions, objections and reviews"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'receipts'
down_revision = '0b2d41ecea22'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('offer_pieces',
    sa.Column('decision_id', sa.Text(), nullable=False),
    sa.Column('offer_id', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False, comment='reserved, released, spent'),
    sa.Column('changed_at', shared.database.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['decision_id'], ['decisions.decision_id'], name=op.f('fk_offer_pieces_decision_id')),
    sa.PrimaryKeyConstraint('decision_id', name=op.f('pk_offer_pieces'))
    )
    with op.batch_alter_table('offer_pieces', schema=None) as batch_op:
        batch_op.create_index('ix_offer_pieces_offer_id_state', ['offer_id', 'state'], unique=False)

    op.create_table('offer_restocks',
    sa.Column('offer_id', sa.Text(), nullable=False),
    sa.Column('nth', sa.Integer(), nullable=False),
    sa.Column('pieces', sa.BigInteger(), nullable=False, comment='added; below zero: taken out'),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('restocked_at', shared.database.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['offer_id'], ['offers.offer_id'], name=op.f('fk_offer_restocks_offer_id')),
    sa.PrimaryKeyConstraint('offer_id', 'nth', name=op.f('pk_offer_restocks'))
    )
    with op.batch_alter_table('offers', schema=None) as batch_op:
        batch_op.add_column(sa.Column('stock', sa.BigInteger(), nullable=True, comment='pieces ever supplied; null: without end'))
        batch_op.add_column(sa.Column('channels', shared.database.Json(), server_default='[]', nullable=False, comment='it may be made by; empty: any'))

    op.create_table('contents',
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('content', sa.Text(), nullable=False, comment='a campaign or an offer as canonical JSON'),
    sa.PrimaryKeyConstraint('version', name=op.f('pk_contents'))
    )
    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('policy', sa.Text(), nullable=True, comment='version of the rules that decided; null: no rule did, or before inputs were kept'))
        batch_op.add_column(sa.Column('inputs', sa.Text(), nullable=True, comment='all they looked at, as canonical JSON; null: so too, or the customer was erased'))
        batch_op.add_column(sa.Column('variant', sa.Text(), nullable=True))

    with op.batch_alter_table('campaigns', schema=None) as batch_op:
        batch_op.add_column(sa.Column('variants', shared.database.Json(), server_default='[]', nullable=False, comment='named ways of treating, each with its share, offers and purpose'))

    with op.batch_alter_table('assignments', schema=None) as batch_op:
        batch_op.add_column(sa.Column('variant', sa.Text(), nullable=True, comment='kept for ever like the arm; null: held out, or the campaign has none'))
        batch_op.add_column(sa.Column('stratum', sa.Text(), nullable=True, comment='tier and risk band at that moment; null: not kept yet'))

    op.create_table('objections',
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('nth', sa.Integer(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False, comment='automated_decisions, personalised_marketing'),
    sa.Column('actor', sa.Text(), nullable=False, comment='who took it down'),
    sa.Column('objected_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('withdrawn_by', sa.Text(), nullable=True),
    sa.Column('withdrawn_at', shared.database.Instant(timezone=True), nullable=True, comment='null: it is in force'),
    sa.PrimaryKeyConstraint('customer_id', 'nth', name=op.f('pk_objections'))
    )
    op.create_table('decision_reviews',
    sa.Column('decision_id', sa.Text(), nullable=False),
    sa.Column('nth', sa.Integer(), nullable=False),
    sa.Column('requested_by', sa.Text(), nullable=False),
    sa.Column('requested_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('result', sa.Text(), nullable=True, comment='upheld, overturned; null: it is open'),
    sa.Column('reason', sa.Text(), nullable=False, comment='blank once the customer was erased'),
    sa.Column('closed_by', sa.Text(), nullable=True),
    sa.Column('closed_at', shared.database.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['decision_id'], ['decisions.decision_id'], name=op.f('fk_decision_reviews_decision_id')),
    sa.PrimaryKeyConstraint('decision_id', 'nth', name=op.f('pk_decision_reviews'))
    )
    with op.batch_alter_table('decision_reviews', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_reviews_requested_at'), ['requested_at'], unique=False)


def downgrade() -> None:
    op.drop_table('decision_reviews')
    op.drop_table('objections')
    with op.batch_alter_table('assignments', schema=None) as batch_op:
        batch_op.drop_column('stratum')
        batch_op.drop_column('variant')

    with op.batch_alter_table('campaigns', schema=None) as batch_op:
        batch_op.drop_column('variants')

    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.drop_column('variant')
        batch_op.drop_column('inputs')
        batch_op.drop_column('policy')

    op.drop_table('contents')
    with op.batch_alter_table('offers', schema=None) as batch_op:
        batch_op.drop_column('channels')
        batch_op.drop_column('stock')

    op.drop_table('offer_restocks')
    op.drop_table('offer_pieces')
