"""Artifacts that several models share."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds what is known of published artifacts, and what jobs hold. Models of before are not shared."""
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(20), nullable=False),
        sa.Column("key_arn", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_artifacts_content", "artifacts", ["content_sha256"])
    op.add_column("import_jobs", sa.Column("shared_artifact_id", sa.String(12)))
    op.add_column("import_jobs", sa.Column("is_released", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_import_jobs_shared", "import_jobs", ["shared_artifact_id"])
