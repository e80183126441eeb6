"""audit log, rights of customers, sources watched, bulk import"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'c9407f3e6d18'
down_revision = '5b1de0c7a2f3'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_anchors',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('entry_id', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_audit_anchors'))
    )

    op.create_table('audit_log',
    sa.Column('entry_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False, comment='without gaps'),
    sa.Column('at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=True),
    sa.Column('details', shared.database.Json(), nullable=False, comment='ids and counts, never personal data: it outlives an erasure'),
    sa.Column('previous_hash', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('entry_id', name=op.f('pk_audit_log'))
    )
    with op.batch_alter_table('audit_log', schema=None) as batch_op:
        batch_op.create_index('ix_audit_log_action', ['action', 'entry_id'], unique=False)
        batch_op.create_index('ix_audit_log_actor', ['actor', 'entry_id'], unique=False)
        batch_op.create_index('ix_audit_log_customer_id', ['customer_id', 'entry_id'], unique=False)

    op.create_table('erasures',
    sa.Column('erasure_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('aliases', shared.database.Json(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('erased_by', sa.Text(), nullable=False),
    sa.Column('erased_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('key_ids', shared.database.Json(), nullable=False, comment='of the data keys that were destroyed'),
    sa.Column('counts', shared.database.Json(), nullable=False, comment='rows deleted or stripped, by table'),
    sa.Column('readable_until', shared.database.Json(), nullable=False, comment="topic -> when the producers' own, plain copies expire"),
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of all this; it stands in the audit log too'),
    sa.PrimaryKeyConstraint('erasure_id', name=op.f('pk_erasures'))
    )
    with op.batch_alter_table('erasures', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_erasures_customer_id'), ['customer_id'], unique=False)

    op.create_table('expiries',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=False, comment='deleted so far'),
    sa.Column('until', shared.database.Instant(timezone=True), nullable=False, comment='everything before it has been looked at'),
    sa.Column('looked_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('kind', name=op.f('pk_expiries'))
    )

    op.create_table('feed_changes',
    sa.Column('change_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('state_before', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('changed_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('change_id', name=op.f('pk_feed_changes'))
    )

    op.create_table('feed_hours',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('starts_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('events', sa.BigInteger(), nullable=False),
    sa.Column('dead', sa.BigInteger(), nullable=False),
    sa.Column('first_heard_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('last_heard_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('longest_gap_seconds', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('topic', 'source', 'starts_at', name=op.f('pk_feed_hours'))
    )

    op.create_table('feed_samples',
    sa.Column('sample_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('fields', shared.database.Json(), nullable=False, comment='names only'),
    sa.Column('sampled_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('sample_id', name=op.f('pk_feed_samples'))
    )

    op.create_table('feed_shapes',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('samples', sa.BigInteger(), nullable=False),
    sa.Column('fields', shared.database.Json(), nullable=False),
    sa.PrimaryKeyConstraint('topic', 'source', 'type', name=op.f('pk_feed_shapes'))
    )

    op.create_table('feed_watch',
    sa.Column('one', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('looked_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('listening_since', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('one', name=op.f('pk_feed_watch'))
    )

    op.create_table('feeds',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('since', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('last_heard_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('usual_silence_seconds', sa.BigInteger(), nullable=True, comment='at this time of day; null: not known yet'),
    sa.Column('accepted', sa.BigInteger(), nullable=False, comment='of the books, when they were last looked at'),
    sa.Column('dead', sa.BigInteger(), nullable=False),
    sa.Column('unknown_fields', shared.database.Json(), nullable=False, comment='event type -> fields that its contract does not know'),
    sa.PrimaryKeyConstraint('topic', 'source', name=op.f('pk_feeds'))
    )

    op.create_table('import_runs',
    sa.Column('fingerprint', sa.Text(), nullable=False, comment="of the file's content and how it is read"),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('rows_done', sa.BigInteger(), nullable=False, comment='moved in the transaction that takes the rows in'),
    sa.Column('rejected', sa.BigInteger(), nullable=False),
    sa.Column('rejects_bytes', sa.BigInteger(), nullable=False, comment='length of the reject file then: what stands behind it is cut off'),
    sa.Column('applied', sa.BigInteger(), nullable=False),
    sa.Column('duplicate', sa.BigInteger(), nullable=False),
    sa.Column('parked', sa.BigInteger(), nullable=False),
    sa.Column('started_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('updated_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('finished_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('fingerprint', name=op.f('pk_import_runs'))
    )

    op.create_table('legal_holds',
    sa.Column('hold_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('placed_by', sa.Text(), nullable=False),
    sa.Column('placed_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('lifted_by', sa.Text(), nullable=True),
    sa.Column('lifted_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('hold_id', name=op.f('pk_legal_holds'))
    )
    with op.batch_alter_table('legal_holds', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_legal_holds_customer_id'), ['customer_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('legal_holds', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_legal_holds_customer_id'))
    op.drop_table('legal_holds')
    op.drop_table('import_runs')
    op.drop_table('feeds')
    op.drop_table('feed_watch')
    op.drop_table('feed_shapes')
    op.drop_table('feed_samples')
    op.drop_table('feed_hours')
    op.drop_table('feed_changes')
    op.drop_table('expiries')
    with op.batch_alter_table('erasures', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_erasures_customer_id'))
    op.drop_table('erasures')
    with op.batch_alter_table('audit_log', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_log_customer_id')
        batch_op.drop_index('ix_audit_log_actor')
        batch_op.drop_index('ix_audit_log_action')
    op.drop_table('audit_log')
    op.drop_table('audit_anchors')
