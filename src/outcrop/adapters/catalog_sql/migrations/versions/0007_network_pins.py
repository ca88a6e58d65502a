"""Where the names of imports led."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the addresses that names of imports with a vpcConfig had, and finds the import of a model."""
    op.create_table(
        "network_pins",
        sa.Column("job_id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("addresses", sa.Text, nullable=False),
    )
    op.create_index("ix_import_jobs_model", "import_jobs", ["model_id"])
