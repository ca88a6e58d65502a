"""Users with their policies and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables of the users."""
    op.create_table(
        "users",
        sa.Column("account", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("policy", sa.Text),
        sa.Column("access_keys", sa.Text, nullable=False),
        sa.Column("api_keys", sa.Text, nullable=False),
    )
    version = op.create_table(
        "users_version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
