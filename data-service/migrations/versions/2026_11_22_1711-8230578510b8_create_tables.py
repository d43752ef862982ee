"""create tables

Revision ID: 8230578510b8
Revises:
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "8230578510b8"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("purchase_order_numbers", schema="data")))
    op.create_table(
        "assortment",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_sold_on", sa.Date(), nullable=False),
        sa.Column("last_sold_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id", name=op.f("pk_assortment")),
        schema="data",
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("response", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
        schema="data",
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("read", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("applied", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cleaned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("understood", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status <> 'completed' OR read = applied + unchanged + cleaned + quarantined",
            name=op.f("ck_imports_counts"),
        ),
        sa.CheckConstraint("status IN ('queued', 'running', 'completed', 'failed')", name=op.f("ck_imports_status")),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_imports_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        schema="data",
    )
    op.create_index(
        "ix_imports_waiting",
        "imports",
        ["id"],
        unique=False,
        schema="data",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="data",
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"], unique=False, schema="data")
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
        schema="data",
    )
    op.create_index(
        "ix_outbox_published_at",
        "outbox",
        ["published_at"],
        unique=False,
        schema="data",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["sequence"],
        unique=False,
        schema="data",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), server_default=sa.text("'pcs'"), nullable=False),
        sa.Column("price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("life_cycle", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("is_declared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("life_cycle IN ('active', 'end_of_life')", name=op.f("ck_products_life_cycle")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("sku", name=op.f("uq_products_sku")),
        schema="data",
    )
    op.create_table(
        "sales",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("quantity", sa.Double(), nullable=False),
        sa.Column("price", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id", "date", name=op.f("pk_sales")),
        schema="data",
        postgresql_partition_by="RANGE (date)",
    )
    op.create_table(
        "stock_snapshots",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("on_hand", sa.Double(), nullable=False),
        sa.Column("reserved", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id", "date", name=op.f("pk_stock_snapshots")),
        schema="data",
    )
    op.create_table(
        "suppliers",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("min_order_value", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("order_weekdays", sa.ARRAY(sa.SmallInteger()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("is_declared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("lead_time_days >= 0", name=op.f("ck_suppliers_lead_time")),
        sa.CheckConstraint("min_order_value >= 0", name=op.f("ck_suppliers_min_order_value")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppliers")),
        sa.UniqueConstraint("code", name=op.f("uq_suppliers_code")),
        schema="data",
    )
    op.create_table(
        "warehouses",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warehouses")),
        sa.UniqueConstraint("code", name=op.f("uq_warehouses_code")),
        schema="data",
    )
    op.create_table(
        "purchase_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(collation="C"), nullable=False),
        sa.Column("supplier_id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'ordered', 'partly_received', 'received', 'cancelled')",
            name=op.f("ck_purchase_orders_status"),
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"], ["data.suppliers.id"], name=op.f("fk_purchase_orders_supplier_id_suppliers")
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"], ["data.warehouses.id"], name=op.f("fk_purchase_orders_warehouse_id_warehouses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_purchase_orders_number")),
        schema="data",
    )
    op.create_index(
        "ix_purchase_orders_open",
        "purchase_orders",
        ["supplier_id"],
        unique=False,
        schema="data",
        postgresql_where=sa.text("status IN ('approved', 'ordered', 'partly_received')"),
    )
    op.create_index(
        op.f("ix_purchase_orders_supplier_id"), "purchase_orders", ["supplier_id"], unique=False, schema="data"
    )
    op.create_table(
        "quarantined_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["data.imports.id"], name=op.f("fk_quarantined_rows_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_quarantined_rows")),
        schema="data",
    )
    op.create_table(
        "stock_levels",
        sa.Column("product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("on_hand", sa.Double(), nullable=False),
        sa.Column("reserved", sa.Double(), nullable=False),
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["data.products.id"], name=op.f("fk_stock_levels_product_id_products")),
        sa.ForeignKeyConstraint(
            ["warehouse_id"], ["data.warehouses.id"], name=op.f("fk_stock_levels_warehouse_id_warehouses")
        ),
        sa.PrimaryKeyConstraint("product_id", "warehouse_id", name=op.f("pk_stock_levels")),
        schema="data",
    )
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Double(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["data.products.id"], name=op.f("fk_stock_movements_product_id_products")
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"], ["data.warehouses.id"], name=op.f("fk_stock_movements_warehouse_id_warehouses")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
        schema="data",
    )
    op.create_index(
        op.f("ix_stock_movements_product_id_warehouse_id_moved_at"),
        "stock_movements",
        ["product_id", "warehouse_id", "moved_at"],
        unique=False,
        schema="data",
    )
    op.create_table(
        "supplier_terms",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("supplier_id", sa.Integer(), nullable=True),
        sa.Column("is_preferred", sa.Boolean(), nullable=False),
        sa.Column("pack_size", sa.Numeric(precision=18, scale=3), nullable=True),
        sa.Column("moq", sa.Numeric(precision=18, scale=3), nullable=True),
        sa.Column("cost", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("lead_time_days", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("cost >= 0", name=op.f("ck_supplier_terms_cost")),
        sa.CheckConstraint("moq >= 0", name=op.f("ck_supplier_terms_moq")),
        sa.CheckConstraint("pack_size > 0", name=op.f("ck_supplier_terms_pack_size")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["data.products.id"], name=op.f("fk_supplier_terms_product_id_products"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["supplier_id"], ["data.suppliers.id"], name=op.f("fk_supplier_terms_supplier_id_suppliers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_terms")),
        sa.UniqueConstraint(
            "product_id",
            "supplier_id",
            name=op.f("uq_supplier_terms_product_id_supplier_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="data",
    )
    op.create_index(
        op.f("ix_supplier_terms_supplier_id"), "supplier_terms", ["supplier_id"], unique=False, schema="data"
    )
    op.create_index(
        "uq_supplier_terms_preferred",
        "supplier_terms",
        ["product_id"],
        unique=True,
        schema="data",
        postgresql_where=sa.text("is_preferred"),
    )
    op.create_table(
        "purchase_order_lines",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=18, scale=3), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("received_quantity", sa.Numeric(precision=18, scale=3), server_default=sa.text("0"), nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("plan_line_id", sa.Uuid(), nullable=True),
        sa.Column("is_cancelled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_purchase_order_lines_quantity")),
        sa.CheckConstraint("received_quantity >= 0", name=op.f("ck_purchase_order_lines_received_quantity")),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["data.purchase_orders.id"],
            name=op.f("fk_purchase_order_lines_order_id_purchase_orders"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["data.products.id"], name=op.f("fk_purchase_order_lines_product_id_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_order_lines")),
        sa.UniqueConstraint("order_id", "product_id", name=op.f("uq_purchase_order_lines_order_id_product_id")),
        schema="data",
    )
    op.create_index(
        op.f("ix_purchase_order_lines_product_id"), "purchase_order_lines", ["product_id"], unique=False, schema="data"
    )
    op.create_index(
        "uq_purchase_order_lines_plan_line_id",
        "purchase_order_lines",
        ["plan_line_id"],
        unique=True,
        schema="data",
        postgresql_where=sa.text("plan_line_id IS NOT NULL AND NOT is_cancelled"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_purchase_order_lines_plan_line_id",
        table_name="purchase_order_lines",
        schema="data",
        postgresql_where=sa.text("plan_line_id IS NOT NULL AND NOT is_cancelled"),
    )
    op.drop_index(op.f("ix_purchase_order_lines_product_id"), table_name="purchase_order_lines", schema="data")
    op.drop_table("purchase_order_lines", schema="data")
    op.drop_index(
        "uq_supplier_terms_preferred",
        table_name="supplier_terms",
        schema="data",
        postgresql_where=sa.text("is_preferred"),
    )
    op.drop_index(op.f("ix_supplier_terms_supplier_id"), table_name="supplier_terms", schema="data")
    op.drop_table("supplier_terms", schema="data")
    op.drop_index(
        op.f("ix_stock_movements_product_id_warehouse_id_moved_at"), table_name="stock_movements", schema="data"
    )
    op.drop_table("stock_movements", schema="data")
    op.drop_table("stock_levels", schema="data")
    op.drop_table("quarantined_rows", schema="data")
    op.drop_index(op.f("ix_purchase_orders_supplier_id"), table_name="purchase_orders", schema="data")
    op.drop_index(
        "ix_purchase_orders_open",
        table_name="purchase_orders",
        schema="data",
        postgresql_where=sa.text("status IN ('approved', 'ordered', 'partly_received')"),
    )
    op.drop_table("purchase_orders", schema="data")
    op.drop_table("warehouses", schema="data")
    op.drop_table("suppliers", schema="data")
    op.drop_table("stock_snapshots", schema="data")
    op.drop_table("sales", schema="data")
    op.drop_table("products", schema="data")
    op.drop_index(
        "ix_outbox_unpublished", table_name="outbox", schema="data", postgresql_where=sa.text("published_at IS NULL")
    )
    op.drop_index(
        "ix_outbox_published_at",
        table_name="outbox",
        schema="data",
        postgresql_where=sa.text("published_at IS NOT NULL"),
    )
    op.drop_table("outbox", schema="data")
    op.drop_index("ix_inbox_received_at", table_name="inbox", schema="data")
    op.drop_table("inbox", schema="data")
    op.drop_index(
        "ix_imports_waiting",
        table_name="imports",
        schema="data",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.drop_table("imports", schema="data")
    op.drop_table("idempotency_keys", schema="data")
    op.drop_table("assortment", schema="data")
    op.execute(sa.schema.DropSequence(sa.Sequence("purchase_order_numbers", schema="data")))
