"""What is in the vault of files whose copy is under way."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "copies",
        sa.Column("artifact_id", sa.String(12), primary_key=True),
        sa.Column("path", sa.String(1100), primary_key=True),
        sa.Column("upload_id", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("part_bytes", sa.BigInteger, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "copied_parts",
        sa.Column("artifact_id", sa.String(12), primary_key=True),
        sa.Column("path", sa.String(1100), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("receipt", sa.Text, nullable=False),
        sa.Column("crc64nvme", sa.String(16), nullable=False),
        sa.Column("pieces", sa.Text, nullable=False),
    )
