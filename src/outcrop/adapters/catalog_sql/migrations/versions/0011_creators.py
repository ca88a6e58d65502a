"""Who created a job."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the principal; nobody knows those of before."""
    op.add_column("import_jobs", sa.Column("principal_arn", sa.Text, nullable=False, server_default=""))
