"""what is found out about customers: cases, prospects, doubles, returns, quality, outages met"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = '5b1de0c7a2f3'
down_revision = 'a084acb10fe4'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('block_list',
    sa.Column('part', sa.Text(), nullable=False, comment='kind and keyed index: document:…, contact:…, name:…, imei:…'),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('blocked_by', sa.Text(), nullable=False),
    sa.Column('blocked_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('part', name=op.f('pk_block_list'))
    )

    op.create_table('cases',
    sa.Column('survivor_id', sa.Text(), nullable=False, comment='who carries on for the customer who complained'),
    sa.Column('complaint_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False, comment='who complained, before any merge'),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('agent', sa.Text(), nullable=True),
    sa.Column('opened_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('began_at', shared.database.Instant(timezone=True), nullable=False, comment='of the stage'),
    sa.Column('due_at', shared.database.Instant(timezone=True), nullable=False, comment='of the stage'),
    sa.Column('closed_at', shared.database.Instant(timezone=True), nullable=True, comment='may lie ahead: when the time to answer the survey will have passed'),
    sa.Column('raise_at', shared.database.Instant(timezone=True), nullable=True, comment='when a stage is to be reported as overdue; null: none is'),
    sa.PrimaryKeyConstraint('survivor_id', 'complaint_id', name=op.f('pk_cases'))
    )
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cases_complaint_id'), ['complaint_id'], unique=False)
        batch_op.create_index('ix_cases_due_at', ['due_at', 'survivor_id', 'complaint_id'], unique=False)
        batch_op.create_index('ix_cases_raise_at', ['raise_at'], unique=False, postgresql_where=sa.text('raise_at IS NOT NULL'), sqlite_where=sa.text('raise_at IS NOT NULL'))
        batch_op.create_index('ix_cases_working', ['due_at', 'survivor_id', 'complaint_id'], unique=False, postgresql_where=sa.text('closed_at IS NULL'), sqlite_where=sa.text('closed_at IS NULL'))

    op.create_table('circles',
    sa.Column('key', sa.Text(), nullable=False, comment='keyed index of a number they call'),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('until', shared.database.Instant(timezone=True), nullable=False, comment='too long ago from then on'),
    sa.PrimaryKeyConstraint('key', 'customer_id', name=op.f('pk_circles'))
    )
    with op.batch_alter_table('circles', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_circles_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_circles_until'), ['until'], unique=False)

    op.create_table('match_keys',
    sa.Column('key', sa.Text(), nullable=False, comment='document:…, device:…, name+email:…+…: values as their keyed index'),
    sa.Column('customer_id', sa.Text(), nullable=False, comment='who carries on after merges'),
    sa.PrimaryKeyConstraint('key', 'customer_id', name=op.f('pk_match_keys'))
    )
    with op.batch_alter_table('match_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_match_keys_customer_id'), ['customer_id'], unique=False)

    op.create_table('match_queue',
    sa.Column('entry_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('entry_id', name=op.f('pk_match_queue'))
    )

    op.create_table('prospects',
    sa.Column('prospect_id', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('stage', sa.Text(), nullable=False),
    sa.Column('interest', sa.Text(), nullable=True),
    sa.Column('agent', sa.Text(), nullable=True),
    sa.Column('personal', shared.database.Json(), nullable=False, comment='name, document, contact point: sealed under the key of `prospect:<id>`'),
    sa.Column('created_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('changed_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=True, comment='who they became'),
    sa.Column('converted_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('prospect_id', name=op.f('pk_prospects'))
    )
    with op.batch_alter_table('prospects', schema=None) as batch_op:
        batch_op.create_index('ix_prospects_created_at', ['created_at', 'prospect_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_prospects_customer_id'), ['customer_id'], unique=False)

    op.create_table('qualities',
    sa.Column('customer_id', sa.Text(), nullable=False, comment='who carries on after merges'),
    sa.Column('month', sa.Text(), nullable=True, comment='registered in'),
    sa.Column('channel', sa.Text(), nullable=True, comment='acquired by'),
    sa.Column('agent', sa.Text(), nullable=True, comment='acquired by'),
    sa.Column('completeness_percent', sa.Integer(), nullable=False),
    sa.Column('validity_percent', sa.Integer(), nullable=False),
    sa.Column('score_percent', sa.Integer(), nullable=False),
    sa.Column('missing', shared.database.Json(), nullable=False),
    sa.Column('flaws', shared.database.Json(), nullable=False, comment='attribute -> what is wrong with it'),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_qualities'))
    )
    with op.batch_alter_table('qualities', schema=None) as batch_op:
        batch_op.create_index('ix_qualities_score_percent_customer_id', ['score_percent', 'customer_id'], unique=False)

    op.create_table('reentries',
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('former_customer_id', sa.Text(), nullable=False),
    sa.Column('matched_by', sa.Text(), nullable=False),
    sa.Column('likeness', sa.Float(), nullable=False),
    sa.Column('left_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('came_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('found_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_reentries'))
    )
    with op.batch_alter_table('reentries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reentries_former_customer_id'), ['former_customer_id'], unique=False)
        batch_op.create_index('ix_reentries_found_at_customer_id', ['found_at', 'customer_id'], unique=False)

    op.create_table('reviews',
    sa.Column('review_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('one', sa.Text(), nullable=False),
    sa.Column('other', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False, comment='open, blocked, merged or different'),
    sa.Column('likeness', sa.Float(), nullable=False),
    sa.Column('evidence', shared.database.Json(), nullable=False, comment='match keys that both have'),
    sa.Column('opened_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('decided_at', shared.database.Instant(timezone=True), nullable=True),
    sa.Column('decided_by', sa.Text(), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('review_id', name=op.f('pk_reviews')),
    sa.UniqueConstraint('one', 'other', name=op.f('uq_reviews_one_other'))
    )
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reviews_other'), ['other'], unique=False)
        batch_op.create_index('ix_reviews_state_review_id', ['state', 'review_id'], unique=False)

    op.create_table('stays',
    sa.Column('customer_id', sa.Text(), nullable=False, comment='who carries on after merges'),
    sa.Column('registered_at', shared.database.Instant(timezone=True), nullable=True),
    sa.Column('channel', sa.Text(), nullable=True, comment='they were acquired by'),
    sa.Column('came_at', shared.database.Instant(timezone=True), nullable=True, comment='the first activation'),
    sa.Column('left_at', shared.database.Instant(timezone=True), nullable=True, comment='the last termination, when nothing is active'),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_stays'))
    )
    with op.batch_alter_table('stays', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stays_registered_at'), ['registered_at'], unique=False)

    op.create_table('untold_outages',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('cell_id', sa.Text(), nullable=False),
    sa.Column('noted_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('told_to', sa.Text(), nullable=False, comment='the customer up to whom it was told'),
    sa.PrimaryKeyConstraint('source', 'id', name=op.f('pk_untold_outages'))
    )
    with op.batch_alter_table('untold_outages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_untold_outages_noted_at'), ['noted_at'], unique=False)

    op.create_table('visits',
    sa.Column('cell_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('since', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('until', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('cell_id', 'customer_id', 'since', name=op.f('pk_visits'))
    )
    with op.batch_alter_table('visits', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_visits_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_visits_until'), ['until'], unique=False)

    op.create_table('prospect_keys',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('prospect_id', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['prospect_id'], ['prospects.prospect_id'], name=op.f('fk_prospect_keys_prospect_id')),
    sa.PrimaryKeyConstraint('key', 'prospect_id', name=op.f('pk_prospect_keys'))
    )
    with op.batch_alter_table('prospect_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_prospect_keys_prospect_id'), ['prospect_id'], unique=False)

    op.create_table('review_evidence',
    sa.Column('review_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('part', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['review_id'], ['reviews.review_id'], name=op.f('fk_review_evidence_review_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('review_id', 'key', 'part', name=op.f('pk_review_evidence'))
    )
    with op.batch_alter_table('review_evidence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_review_evidence_key'), ['key'], unique=False)
        batch_op.create_index(batch_op.f('ix_review_evidence_part'), ['part'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('review_evidence', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_review_evidence_part'))
        batch_op.drop_index(batch_op.f('ix_review_evidence_key'))
    op.drop_table('review_evidence')
    with op.batch_alter_table('prospect_keys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_prospect_keys_prospect_id'))
    op.drop_table('prospect_keys')
    with op.batch_alter_table('visits', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_visits_until'))
        batch_op.drop_index(batch_op.f('ix_visits_customer_id'))
    op.drop_table('visits')
    with op.batch_alter_table('untold_outages', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_untold_outages_noted_at'))
    op.drop_table('untold_outages')
    with op.batch_alter_table('stays', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_stays_registered_at'))
    op.drop_table('stays')
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.drop_index('ix_reviews_state_review_id')
        batch_op.drop_index(batch_op.f('ix_reviews_other'))
    op.drop_table('reviews')
    with op.batch_alter_table('reentries', schema=None) as batch_op:
        batch_op.drop_index('ix_reentries_found_at_customer_id')
        batch_op.drop_index(batch_op.f('ix_reentries_former_customer_id'))
    op.drop_table('reentries')
    with op.batch_alter_table('qualities', schema=None) as batch_op:
        batch_op.drop_index('ix_qualities_score_percent_customer_id')
    op.drop_table('qualities')
    with op.batch_alter_table('prospects', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_prospects_customer_id'))
        batch_op.drop_index('ix_prospects_created_at')
    op.drop_table('prospects')
    op.drop_table('match_queue')
    with op.batch_alter_table('match_keys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_match_keys_customer_id'))
    op.drop_table('match_keys')
    with op.batch_alter_table('circles', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_circles_until'))
        batch_op.drop_index(batch_op.f('ix_circles_customer_id'))
    op.drop_table('circles')
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.drop_index('ix_cases_working', postgresql_where=sa.text('closed_at IS NULL'), sqlite_where=sa.text('closed_at IS NULL'))
        batch_op.drop_index('ix_cases_raise_at', postgresql_where=sa.text('raise_at IS NOT NULL'), sqlite_where=sa.text('raise_at IS NOT NULL'))
        batch_op.drop_index('ix_cases_due_at')
        batch_op.drop_index(batch_op.f('ix_cases_complaint_id'))
    op.drop_table('cases')
    op.drop_table('block_list')
