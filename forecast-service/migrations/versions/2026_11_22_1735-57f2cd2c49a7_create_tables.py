"""create tables

Revision ID: 57f2cd2c49a7
Revises:
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "57f2cd2c49a7"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "article_accuracy",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("warehouse", sa.Text(collation="C"), nullable=False),
        sa.Column("actual", sa.REAL(), nullable=False),
        sa.Column("forecast", sa.REAL(), nullable=False),
        sa.Column("absolute_error", sa.REAL(), nullable=False),
        sa.Column("rmsse", sa.REAL(), nullable=True),
        sa.Column("naive_forecast", sa.REAL(), nullable=False),
        sa.Column("naive_absolute_error", sa.REAL(), nullable=False),
        sa.Column("naive_rmsse", sa.REAL(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "sku", "warehouse", name=op.f("pk_article_accuracy")),
        schema="forecast",
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
        schema="forecast",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="forecast",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="forecast")
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
        schema="forecast",
    )
    op.create_index(
        "ix_outbox_published_at",
        "outbox",
        ["published_at"],
        unique=False,
        schema="forecast",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["sequence"],
        unique=False,
        schema="forecast",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "pending_replans",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("first_import_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_pending_replans_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_replans")),
        schema="forecast",
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("proposed", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("at_risk", sa.Integer(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        schema="forecast",
    )
    op.create_index("ix_plans_run_id", "plans", ["run_id"], unique=False, schema="forecast")
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("requested_horizon_days", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=True),
        sa.Column("history_start", sa.Date(), nullable=True),
        sa.Column("history_end", sa.Date(), nullable=True),
        sa.Column("articles", sa.Integer(), nullable=True),
        sa.Column("model_names", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("models", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("accuracy", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("has_forecasts", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancellation_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'cancelled')", name=op.f("ck_runs_status")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_runs_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        schema="forecast",
    )
    op.create_index(
        "ix_runs_completed",
        "runs",
        ["id"],
        unique=False,
        schema="forecast",
        postgresql_where=sa.text("status = 'completed'"),
    )
    op.create_index(
        "ix_runs_waiting",
        "runs",
        ["id"],
        unique=False,
        schema="forecast",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_index(
        "uq_runs_running",
        "runs",
        [sa.literal_column("(true)")],
        unique=True,
        schema="forecast",
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "forecasts",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("warehouse", sa.Text(collation="C"), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("recent", sa.REAL(), nullable=False),
        sa.Column("weights", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("mean", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("daily", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("sums", sa.ARRAY(sa.REAL()), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["forecast.runs.id"], name=op.f("fk_forecasts_run_id_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "sku", "warehouse", name=op.f("pk_forecasts")),
        schema="forecast",
    )
    op.create_table(
        "recommendations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("warehouse", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(collation="C"), nullable=False),
        sa.Column("supplier_name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Double(), nullable=False),
        sa.Column("unit_cost", sa.Double(), nullable=True),
        sa.Column("line_value", sa.Double(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("blocked", sa.Text(), nullable=True),
        sa.Column("order_by", sa.Date(), nullable=True),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("runs_out_on", sa.Date(), nullable=True),
        sa.Column("days_of_cover", sa.Double(), nullable=True),
        sa.Column("expected_shortage_units", sa.Double(), nullable=False),
        sa.Column("expected_shortage_value", sa.Double(), nullable=False),
        sa.Column("urgency_value", sa.Double(), nullable=False),
        sa.Column("on_hand", sa.Double(), nullable=False),
        sa.Column("on_order", sa.Double(), nullable=False),
        sa.Column("reserved", sa.Double(), nullable=False),
        sa.Column("service_level", sa.Double(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("reason_ru", sa.Text(), nullable=False),
        sa.Column("purchase_order_id", sa.Uuid(), nullable=True),
        sa.Column("purchase_order_number", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('proposed', 'waits', 'not_needed', 'drafted', 'approved', 'rejected')",
            name=op.f("ck_recommendations_status"),
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_recommendations_quantity")),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["forecast.plans.id"], name=op.f("fk_recommendations_plan_id_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendations")),
        sa.UniqueConstraint("plan_id", "sku", "warehouse", name=op.f("uq_recommendations_plan_id_sku_warehouse")),
        schema="forecast",
    )
    op.create_index(
        "ix_recommendations_supplier",
        "recommendations",
        ["plan_id", "supplier", "warehouse"],
        unique=False,
        schema="forecast",
    )
    op.create_index(
        "ix_recommendations_urgency",
        "recommendations",
        ["plan_id", "urgency_value", "id"],
        unique=False,
        schema="forecast",
    )


def downgrade() -> None:
    op.drop_index("ix_recommendations_urgency", table_name="recommendations", schema="forecast")
    op.drop_index("ix_recommendations_supplier", table_name="recommendations", schema="forecast")
    op.drop_table("recommendations", schema="forecast")
    op.drop_table("forecasts", schema="forecast")
    op.drop_index(
        "uq_runs_running", table_name="runs", schema="forecast", postgresql_where=sa.text("status = 'running'")
    )
    op.drop_index(
        "ix_runs_waiting",
        table_name="runs",
        schema="forecast",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_index(
        "ix_runs_completed", table_name="runs", schema="forecast", postgresql_where=sa.text("status = 'completed'")
    )
    op.drop_table("runs", schema="forecast")
    op.drop_index("ix_plans_run_id", table_name="plans", schema="forecast")
    op.drop_table("plans", schema="forecast")
    op.drop_table("pending_replans", schema="forecast")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        schema="forecast",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index(
        "ix_outbox_published_at",
        table_name="outbox",
        schema="forecast",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.drop_table("outbox", schema="forecast")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="forecast")
    op.drop_table("inbox", schema="forecast")
    op.drop_table("idempotency_keys", schema="forecast")
    op.drop_table("article_accuracy", schema="forecast")
