"""listeners that are told in the words of TM Forum"""

from alembic import op
import sqlalchemy as sa


revision = 'tmforum_hub'
down_revision = 'access'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('listeners', sa.Column('api', sa.Text(), nullable=True, comment='tmf621, ...: gets its v4 notifications; null: CloudEvents'))


def downgrade() -> None:
    op.drop_column('listeners', 'api')
