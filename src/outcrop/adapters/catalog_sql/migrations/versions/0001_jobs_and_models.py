"""Import jobs, imported models and tags."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the first tables."""
    op.create_table(
        "import_jobs",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(20), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("model_name", sa.String(63), nullable=False),
        sa.Column("model_id", sa.String(12), nullable=False),
        sa.Column("role_arn", sa.Text, nullable=False),
        sa.Column("source_uri", sa.Text, nullable=False),
        sa.Column("client_request_token", sa.String(256)),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("kms_key_id", sa.Text),
        sa.Column("key_arn", sa.Text, nullable=False),
        sa.Column("network", sa.Text),
        sa.Column("model_tags", sa.Text, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("modified_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("stage_entries", sa.Text, nullable=False),
        sa.Column("bytes_done", sa.BigInteger, nullable=False),
        sa.Column("bytes_total", sa.BigInteger, nullable=False),
        sa.Column("failure_message", sa.Text),
        sa.Column("report", sa.Text),
        sa.Column("wrapped_key", sa.LargeBinary),
        sa.UniqueConstraint("account", "region", "name", name="uq_import_jobs_name"),
        sa.UniqueConstraint("account", "region", "client_request_token", name="uq_import_jobs_token"),
    )
    op.create_index("ix_import_jobs_created", "import_jobs", ["account", "region", "created_at", "id"])
    op.create_index(
        "uq_import_jobs_model_name",
        "import_jobs",
        ["account", "region", "model_name"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "imported_models",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("account", sa.String(12), nullable=False),
        sa.Column("region", sa.String(20), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("job_id", sa.String(12), nullable=False),
        sa.Column("job_name", sa.String(63), nullable=False),
        sa.Column("source_uri", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("architecture", sa.Text, nullable=False),
        sa.Column("is_instruct", sa.Boolean, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("weight_bytes", sa.BigInteger, nullable=False),
        sa.Column("context_length", sa.BigInteger, nullable=False),
        sa.Column("custom_model_units", sa.Integer, nullable=False),
        sa.Column("artifact_id", sa.String(12), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("key_arn", sa.Text, nullable=False),
        sa.Column("is_customer_key", sa.Boolean, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.UniqueConstraint("account", "region", "name", name="uq_imported_models_name"),
    )
    op.create_index("ix_imported_models_created", "imported_models", ["account", "region", "created_at", "id"])
    op.create_index("ix_imported_models_artifact", "imported_models", ["artifact_id"])
    op.create_table(
        "tags",
        sa.Column("resource_id", sa.String(12), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
