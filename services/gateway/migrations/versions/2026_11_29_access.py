"""API keys, refusals and requests per client"""

from alembic import op
import sqlalchemy as sa
import shared.database


revision = 'access'
down_revision = "push"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_keys',
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('secret_hash', sa.Text(), nullable=False, comment='SHA-256, hexadecimal'),
    sa.Column('client', sa.Text(), nullable=False, comment='whose it is; a client may have several'),
    sa.Column('scopes', shared.database.Json(), nullable=False),
    sa.Column('created_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('expires_at', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('last_used_at', shared.database.Instant(timezone=True), nullable=True, comment='to the hour'),
    sa.Column('revoked_at', shared.database.Instant(timezone=True), nullable=True),
    sa.Column('revoked_by', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_api_keys'))
    )
    op.create_table('refusals',
    sa.Column('minute', shared.database.Instant(timezone=True), nullable=False),
    sa.Column('client', sa.Text(), nullable=False, comment='empty: nobody that is known'),
    sa.Column('address', sa.Text(), nullable=False, comment='of IPv6 a /64'),
    sa.Column('code', sa.Text(), nullable=False, comment='of the error catalogue; http_403, http_429: of a service behind'),
    sa.Column('reason', sa.Text(), nullable=False, comment='the missing scope, or what is wrong with a token'),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('minute', 'client', 'address', 'code', 'reason', name=op.f('pk_refusals'))
    )
    op.create_table('usage',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'client', name=op.f('pk_usage'))
    )


def downgrade() -> None:
    op.drop_table('usage')
    op.drop_table('refusals')
    op.drop_table('api_keys')
