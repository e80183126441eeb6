"""initial: who the customers are, what was reported about them"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'a084acb10fe4'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('customers',
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('survivor_id', sa.Text(), nullable=True, comment='null: carries on itself; else who carries on for it after a merge'),
    sa.Column('profile', shared.database.Json(), nullable=False, comment='personal texts sealed; of a survivor: of all it carries on for'),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('activity_sequence', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('erased_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('customer_id', name=op.f('pk_customers'))
    )
    with op.batch_alter_table('customers', schema=None) as batch_op:
        batch_op.create_index('ix_customers_survivor_id', ['survivor_id'], unique=False, postgresql_where=sa.text('survivor_id IS NOT NULL'), sqlite_where=sa.text('survivor_id IS NOT NULL'))

    op.create_table('data_keys',
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=False, comment='`~lobby`: of what is parked'),
    sa.Column('master_id', sa.Text(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=True, comment='null: destroyed'),
    sa.Column('created_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('destroyed_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_data_keys'))
    )
    with op.batch_alter_table('data_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_data_keys_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_data_keys_master_id'), ['master_id'], unique=False)

    op.create_table('dead_letters',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('headers', shared.database.Json(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('died_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('status', sa.Text(), server_default='dead', nullable=False),
    sa.Column('replayed_at', shared.database.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dead_letters')),
    sa.UniqueConstraint('topic', 'partition', 'offset', name=op.f('uq_dead_letters_topic_partition_offset'))
    )

    op.create_table('facts',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('customer_id', sa.Text(), nullable=True, comment='who it was reported about, before any merge; null: about a cell, or parked'),
    sa.Column('subject', sa.Text(), nullable=False, comment='the number as its keyed index'),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('time', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('occurred_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('recorded_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('data', shared.database.Json(), nullable=False, comment="personal texts sealed under the customer's key, or the lobby's while parked"),
    sa.PrimaryKeyConstraint('source', 'id', name=op.f('pk_facts'))
    )
    with op.batch_alter_table('facts', schema=None) as batch_op:
        batch_op.create_index('ix_facts_customer_id_occurred_at', ['customer_id', 'occurred_at'], unique=False)
        batch_op.create_index('ix_facts_recorded_at', ['recorded_at'], unique=False, postgresql_using='brin')
        batch_op.create_index('ix_facts_unowned', ['subject'], unique=False, postgresql_where=sa.text('customer_id IS NULL'), sqlite_where=sa.text('customer_id IS NULL'))

    op.create_table('idempotency_keys',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('request_hash', sa.Text(), nullable=False),
    sa.Column('answer', shared.database.Json(), nullable=False),
    sa.Column('answered_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_idempotency_keys'))
    )

    op.create_table('intake',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('accepted', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('applied', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('duplicate', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('parked', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('dead', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('topic', 'partition', 'source', name=op.f('pk_intake'))
    )

    op.create_table('merges',
    sa.Column('merge_id', sa.Text(), nullable=False),
    sa.Column('survivor_id', sa.Text(), nullable=False),
    sa.Column('merged_id', sa.Text(), nullable=False),
    sa.Column('merged_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('merged_by', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('undone_at', shared.database.Instant(timezone=True), nullable=True),
    sa.Column('undone_by', sa.Text(), nullable=True),
    sa.Column('undo_reason', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('merge_id', name=op.f('pk_merges'))
    )
    with op.batch_alter_table('merges', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_merges_merged_id'), ['merged_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_merges_survivor_id'), ['survivor_id'], unique=False)
        batch_op.create_index('uq_merges_merged_id_in_force', ['merged_id'], unique=True, postgresql_where=sa.text('undone_at IS NULL'), sqlite_where=sa.text('undone_at IS NULL'))

    op.create_table('moves',
    sa.Column('move_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('from_customer_id', sa.Text(), nullable=True, comment='null: it was parked'),
    sa.Column('to_customer_id', sa.Text(), nullable=True, comment='null: it is parked'),
    sa.Column('moved_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('move_id', name=op.f('pk_moves'))
    )
    with op.batch_alter_table('moves', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_moves_from_customer_id'), ['from_customer_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_moves_to_customer_id'), ['to_customer_id'], unique=False)

    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('aggregatetype', sa.Text(), nullable=False),
    sa.Column('aggregateid', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=False),
    sa.Column('headers', shared.database.Json(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )

    op.create_table('rollups',
    sa.Column('customer_id', sa.Text(), nullable=False, comment='before any merge'),
    sa.Column('month', sa.Text(), nullable=False),
    sa.Column('measures', shared.database.Json(), nullable=False, comment="those that are not zero; changed only under the customer's row lock"),
    sa.PrimaryKeyConstraint('customer_id', 'month', name=op.f('pk_rollups'))
    )

    op.create_table('watermarks',
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('next_offset', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('topic', 'partition', name=op.f('pk_watermarks'))
    )

    op.create_table('workers',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('lag_records', sa.BigInteger(), nullable=False),
    sa.Column('beat_at', shared.database.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_workers'))
    )

    op.create_table('identifiers',
    sa.Column('identifier', sa.Text(), nullable=False, comment='as in a subject, the number as its keyed index: msisdn:…, account:…, customer:…'),
    sa.Column('customer_id', sa.Text(), nullable=False),
    sa.Column('valid_from', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('valid_to', shared.database.Instant(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['customer_id'], ['customers.customer_id'], name=op.f('fk_identifiers_customer_id')),
    sa.PrimaryKeyConstraint('identifier', 'customer_id', 'valid_from', name=op.f('pk_identifiers'))
    )
    with op.batch_alter_table('identifiers', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identifiers_customer_id'), ['customer_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('identifiers', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_identifiers_customer_id'))
    op.drop_table('identifiers')
    op.drop_table('workers')
    op.drop_table('watermarks')
    op.drop_table('rollups')
    op.drop_table('outbox')
    with op.batch_alter_table('moves', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_moves_to_customer_id'))
        batch_op.drop_index(batch_op.f('ix_moves_from_customer_id'))
    op.drop_table('moves')
    with op.batch_alter_table('merges', schema=None) as batch_op:
        batch_op.drop_index('uq_merges_merged_id_in_force', postgresql_where=sa.text('undone_at IS NULL'), sqlite_where=sa.text('undone_at IS NULL'))
        batch_op.drop_index(batch_op.f('ix_merges_survivor_id'))
        batch_op.drop_index(batch_op.f('ix_merges_merged_id'))
    op.drop_table('merges')
    op.drop_table('intake')
    op.drop_table('idempotency_keys')
    with op.batch_alter_table('facts', schema=None) as batch_op:
        batch_op.drop_index('ix_facts_unowned', postgresql_where=sa.text('customer_id IS NULL'), sqlite_where=sa.text('customer_id IS NULL'))
        batch_op.drop_index('ix_facts_recorded_at', postgresql_using='brin')
        batch_op.drop_index('ix_facts_customer_id_occurred_at')
    op.drop_table('facts')
    op.drop_table('dead_letters')
    with op.batch_alter_table('data_keys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_data_keys_master_id'))
        batch_op.drop_index(batch_op.f('ix_data_keys_customer_id'))
    op.drop_table('data_keys')
    with op.batch_alter_table('customers', schema=None) as batch_op:
        batch_op.drop_index('ix_customers_survivor_id', postgresql_where=sa.text('survivor_id IS NOT NULL'), sqlite_where=sa.text('survivor_id IS NOT NULL'))
    op.drop_table('customers')
