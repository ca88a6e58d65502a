"""The tables of the catalog, as the newest migration leaves them; a test holds the two together."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(sa.TypeDecorator[datetime]):
    """An aware UTC time, kept as whole microseconds since 1970: it sorts alike on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Stores a time."""
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Reads a time."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Document(sa.TypeDecorator[Any]):
    """A JSON document, kept as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Stores a document."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002  # SQLAlchemy's signature
        """Reads a document."""
        return None if value is None else json.loads(value)


metadata = sa.MetaData()

import_jobs = sa.Table(
    "import_jobs",
    metadata,
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
    sa.Column("network", Document),
    sa.Column("model_tags", Document, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("modified_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("stage_entries", Document, nullable=False),
    sa.Column("bytes_done", sa.BigInteger, nullable=False),
    sa.Column("bytes_total", sa.BigInteger, nullable=False),
    sa.Column("failure_message", sa.Text),
    sa.Column("report", Document),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("shared_artifact_id", sa.String(12)),
    sa.Column("is_released", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("marks", Document, nullable=False, server_default="[]"),
    sa.Column("worker", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("turn", sa.Integer, nullable=False, server_default="1"),
    sa.Column("principal_arn", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("account", "region", "name", name="uq_import_jobs_name"),
    sa.UniqueConstraint("account", "region", "client_request_token", name="uq_import_jobs_token"),
    sa.Index("ix_import_jobs_created", "account", "region", "created_at", "id"),
    sa.Index("ix_import_jobs_stage", "account", "region", "stage", "created_at", "id"),
    sa.Index("ix_import_jobs_shared", "shared_artifact_id"),
    sa.Index("ix_import_jobs_turn", "turn"),
    sa.Index("ix_import_jobs_account_turn", "account", "turn"),
    sa.Index("ix_import_jobs_model", "model_id"),
)

# Two running imports cannot promise the same model name; after a failure the name is free again.
sa.Index(
    "uq_import_jobs_model_name",
    import_jobs.c.account,
    import_jobs.c.region,
    import_jobs.c.model_name,
    unique=True,
    sqlite_where=import_jobs.c.ended_at.is_(None),
    postgresql_where=import_jobs.c.ended_at.is_(None),
)

imported_models = sa.Table(
    "imported_models",
    metadata,
    sa.Column("id", sa.String(12), primary_key=True),
    sa.Column("account", sa.String(12), nullable=False),
    sa.Column("region", sa.String(20), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("job_id", sa.String(12), nullable=False),
    sa.Column("job_name", sa.String(63), nullable=False),
    sa.Column("source_uri", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
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
    sa.Column("evidence", Document, nullable=False),
    sa.UniqueConstraint("account", "region", "name", name="uq_imported_models_name"),
    sa.Index("ix_imported_models_created", "account", "region", "created_at", "id"),
    sa.Index("ix_imported_models_artifact", "artifact_id"),
)

# The published artifacts that a new import may share. A row is there exactly as long as somebody holds the artifact;
# who adds or takes a holder locks the row first.
artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("id", sa.String(12), primary_key=True),
    sa.Column("account", sa.String(12), nullable=False),
    sa.Column("region", sa.String(20), nullable=False),
    sa.Column("key_arn", sa.Text, nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("manifest_sha256", sa.String(64), nullable=False),
    sa.Index("ix_artifacts_content", "content_sha256"),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("resource_id", sa.String(12), primary_key=True),
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("value", sa.String(256), nullable=False),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("account", sa.String(12), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("policy", sa.Text),
    sa.Column("access_keys", Document, nullable=False),
    sa.Column("api_keys", Document, nullable=False),
)

# One row: servers ask it every second whether to read the users again.
users_version = sa.Table(
    "users_version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

copies = sa.Table(
    "copies",
    metadata,
    sa.Column("artifact_id", sa.String(12), primary_key=True),
    sa.Column("path", sa.String(1100), primary_key=True),
    sa.Column("upload_id", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("part_bytes", sa.BigInteger, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
)

copied_parts = sa.Table(
    "copied_parts",
    metadata,
    sa.Column("artifact_id", sa.String(12), primary_key=True),
    sa.Column("path", sa.String(1100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("crc64nvme", sa.String(16), nullable=False),
    sa.Column("pieces", Document, nullable=False),
)

# The ends of jobs that a webhook is to be told; the row is written with the end.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("job_id", sa.String(12), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("settled_at", Moment),
    sa.Column("problem", sa.Text),
    sa.Index("ix_webhook_deliveries_due", "state", "due_at", "job_id"),
)

# Where the names of an import with a `vpcConfig` led when they were first needed; kept with the job, for good.
network_pins = sa.Table(
    "network_pins",
    metadata,
    sa.Column("job_id", sa.String(12), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("addresses", Document, nullable=False),
)


def columns_of(table: sa.Table, *, without: frozenset[str]) -> list[sa.ColumnElement[Any]]:
    """Returns a table's columns, those in `without` as nulls."""
    return [sa.null().label(column.name) if column.name in without else column for column in table.c]
