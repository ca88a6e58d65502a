"""An index for lists of jobs by status, which looked through every job where few had it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the index."""
    op.create_index("ix_import_jobs_stage", "import_jobs", ["account", "region", "stage", "created_at", "id"])
