"""What rates of import jobs are made from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the last counts of bytes of a job's stage; jobs of before have none."""
    op.add_column("import_jobs", sa.Column("marks", sa.Text, nullable=False, server_default="[]"))
