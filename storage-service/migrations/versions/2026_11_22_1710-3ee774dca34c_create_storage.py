"""The tables of storage-service: files, exports, spreadsheets, backups, restorations, and the event tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "3ee774dca34c"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("schemas", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("tables", sa.Integer(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.Column("consistent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status <> 'running' OR lease_until IS NOT NULL", name=op.f("ck_backups_lease")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'expired')", name=op.f("ck_backups_status")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_backups_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        schema="storage",
    )
    op.create_index(
        "ix_backups_waiting",
        "backups",
        ["not_before"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "exports",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("format IN ('xlsx', 'csv', 'sheets')", name=op.f("ck_exports_format")),
        sa.CheckConstraint("kind IN ('plan')", name=op.f("ck_exports_kind")),
        sa.CheckConstraint("status <> 'running' OR lease_until IS NOT NULL", name=op.f("ck_exports_lease")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'expired')", name=op.f("ck_exports_status")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_exports_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        schema="storage",
    )
    op.create_index(
        "ix_exports_expires_at",
        "exports",
        ["expires_at"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("status = 'completed'"),
    )
    op.create_index(
        "ix_exports_waiting",
        "exports",
        ["not_before"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
        schema="storage",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="storage",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="storage")
    op.create_table(
        "objects",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("chunk_digests", sa.LargeBinary(), nullable=False),
        sa.Column("damaged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_objects")),
        sa.UniqueConstraint("key", name=op.f("uq_objects_key")),
        schema="storage",
    )
    op.create_table(
        "objects_to_remove",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_objects_to_remove")),
        schema="storage",
    )
    op.create_index(
        op.f("ix_objects_to_remove_due_at"), "objects_to_remove", ["due_at"], unique=False, schema="storage"
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("aggregate", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("envelope", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema="storage",
    )
    op.create_index(
        "ix_outbox_published_at",
        "outbox",
        ["published_at"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["sequence"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "spreadsheets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spreadsheets")),
        sa.UniqueConstraint("name", name=op.f("uq_spreadsheets_name")),
        schema="storage",
    )
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["storage.objects.sha256"], name=op.f("fk_files_sha256_objects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        schema="storage",
    )
    op.create_index(
        "ix_files_expires_at",
        "files",
        ["expires_at"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index("ix_files_sha256", "files", ["sha256"], unique=False, schema="storage")
    op.create_table(
        "restorations",
        sa.Column("backup_id", sa.Uuid(), nullable=False),
        sa.Column("target_database", sa.Text(), nullable=False),
        sa.Column("tables", sa.Integer(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status <> 'running' OR lease_until IS NOT NULL", name=op.f("ck_restorations_lease")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'expired')", name=op.f("ck_restorations_status")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_restorations_progress")),
        sa.ForeignKeyConstraint(["backup_id"], ["storage.backups.id"], name=op.f("fk_restorations_backup_id_backups")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restorations")),
        schema="storage",
    )
    op.create_index("ix_restorations_backup_id", "restorations", ["backup_id"], unique=False, schema="storage")
    op.create_index(
        "ix_restorations_waiting",
        "restorations",
        ["not_before"],
        unique=False,
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_restorations_waiting",
        table_name="restorations",
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_index("ix_restorations_backup_id", table_name="restorations", schema="storage")
    op.drop_table("restorations", schema="storage")
    op.drop_index("ix_files_sha256", table_name="files", schema="storage")
    op.drop_index(
        "ix_files_expires_at", table_name="files", schema="storage", postgresql_where=sa.text("expires_at IS NOT NULL")
    )
    op.drop_table("files", schema="storage")
    op.drop_table("spreadsheets", schema="storage")
    op.drop_index(
        "ix_outbox_unpublished", table_name="outbox", schema="storage", postgresql_where=sa.text("published_at IS NULL")
    )
    op.drop_index(
        "ix_outbox_published_at",
        table_name="outbox",
        schema="storage",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.drop_table("outbox", schema="storage")
    op.drop_index(op.f("ix_objects_to_remove_due_at"), table_name="objects_to_remove", schema="storage")
    op.drop_table("objects_to_remove", schema="storage")
    op.drop_table("objects", schema="storage")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="storage")
    op.drop_table("inbox", schema="storage")
    op.drop_table("idempotency_keys", schema="storage")
    op.drop_index(
        "ix_exports_waiting",
        table_name="exports",
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_index(
        "ix_exports_expires_at",
        table_name="exports",
        schema="storage",
        postgresql_where=sa.text("status = 'completed'"),
    )
    op.drop_table("exports", schema="storage")
    op.drop_index(
        "ix_backups_waiting",
        table_name="backups",
        schema="storage",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_table("backups", schema="storage")
