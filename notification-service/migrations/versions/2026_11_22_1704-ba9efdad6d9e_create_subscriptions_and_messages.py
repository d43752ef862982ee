"""Create subscriptions, notices, messages, attempts, and the plumbing tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "ba9efdad6d9e"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
        schema="notification",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="notification",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="notification")
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("event_id", "language", name=op.f("uq_notices_event_id_language")),
        schema="notification",
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
        schema="notification",
    )
    op.create_index(
        "ix_outbox_published_at",
        "outbox",
        ["published_at"],
        unique=False,
        schema="notification",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["sequence"],
        unique=False,
        schema="notification",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("inactive_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("language IN ('en', 'ru')", name=op.f("ck_subscriptions_language")),
        sa.CheckConstraint("cardinality(event_types) > 0", name=op.f("ck_subscriptions_event_types")),
        sa.CheckConstraint("inactive_reason IS NULL OR NOT active", name=op.f("ck_subscriptions_inactive_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("owner", "channel", "address", name=op.f("uq_subscriptions_owner_channel_address")),
        schema="notification",
    )
    op.create_index(
        "ix_subscriptions_channel_address", "subscriptions", ["channel", "address"], unique=False, schema="notification"
    )
    op.create_index(
        "ix_subscriptions_event_types",
        "subscriptions",
        ["event_types"],
        unique=False,
        schema="notification",
        postgresql_using="gin",
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("resend_of", sa.Uuid(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("due_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("parts_sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("plain", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (status IN ('queued', 'sending'))", name=op.f("ck_messages_ended_at")),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'failed', 'uncertain')", name=op.f("ck_messages_status")
        ),
        sa.ForeignKeyConstraint(["notice_id"], ["notification.notices.id"], name=op.f("fk_messages_notice_id_notices")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["notification.subscriptions.id"],
            name=op.f("fk_messages_subscription_id_subscriptions"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_messages_dedup_key")),
        schema="notification",
    )
    op.create_index(
        "ix_messages_chat",
        "messages",
        ["channel", "address", "position"],
        unique=False,
        schema="notification",
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
    )
    op.create_index("ix_messages_owner_id", "messages", ["owner", "id"], unique=False, schema="notification")
    op.create_index(
        "ix_messages_queue",
        "messages",
        ["position"],
        unique=False,
        schema="notification",
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_messages_sending",
        "messages",
        ["id"],
        unique=False,
        schema="notification",
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index("ix_messages_subscription_id", "messages", ["subscription_id"], unique=False, schema="notification")
    op.create_table(
        "attempts",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["notification.messages.id"],
            name=op.f("fk_attempts_message_id_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "number", name=op.f("pk_attempts")),
        schema="notification",
    )


def downgrade() -> None:
    op.drop_table("attempts", schema="notification")
    op.drop_index("ix_messages_subscription_id", table_name="messages", schema="notification")
    op.drop_index(
        "ix_messages_sending",
        table_name="messages",
        schema="notification",
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.drop_index(
        "ix_messages_queue", table_name="messages", schema="notification", postgresql_where=sa.text("status = 'queued'")
    )
    op.drop_index("ix_messages_owner_id", table_name="messages", schema="notification")
    op.drop_index(
        "ix_messages_chat",
        table_name="messages",
        schema="notification",
        postgresql_where=sa.text("status IN ('queued', 'sending')"),
    )
    op.drop_table("messages", schema="notification")
    op.drop_index(
        "ix_subscriptions_event_types",
        table_name="subscriptions",
        schema="notification",
        postgresql_using="gin",
        postgresql_where=sa.text("active"),
    )
    op.drop_index("ix_subscriptions_channel_address", table_name="subscriptions", schema="notification")
    op.drop_table("subscriptions", schema="notification")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        schema="notification",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index(
        "ix_outbox_published_at",
        table_name="outbox",
        schema="notification",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.drop_table("outbox", schema="notification")
    op.drop_table("notices", schema="notification")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="notification")
    op.drop_table("inbox", schema="notification")
    op.drop_table("idempotency_keys", schema="notification")
