"""Who works on a job, and under which fence."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the worker, the attempts and the fence of jobs; nobody has those of before until they are claimed."""
    op.add_column("import_jobs", sa.Column("worker", sa.Text))
    op.add_column("import_jobs", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("import_jobs", sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"))
