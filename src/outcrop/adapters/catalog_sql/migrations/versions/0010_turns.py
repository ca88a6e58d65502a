"""When it is the turn of a job that waits."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the turns of jobs. Those of before all have the first one, and are in the order in which they came."""
    op.add_column("import_jobs", sa.Column("turn", sa.Integer, nullable=False, server_default="1"))
    op.create_index("ix_import_jobs_turn", "import_jobs", ["turn"])
    op.create_index("ix_import_jobs_account_turn", "import_jobs", ["account", "turn"])
