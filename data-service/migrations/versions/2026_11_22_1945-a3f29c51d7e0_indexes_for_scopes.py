"""indexes for scopes

Revision ID: a3f29c51d7e0
Revises: 8230578510b8
"""

from collections.abc import Sequence

from alembic import op

revision: str = "a3f29c51d7e0"
down_revision: str | None = "8230578510b8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("ix_products_category"), "products", ["category"], schema="data")
    op.create_index(op.f("ix_purchase_orders_warehouse_id"), "purchase_orders", ["warehouse_id"], schema="data")


def downgrade() -> None:
    op.drop_index(op.f("ix_purchase_orders_warehouse_id"), table_name="purchase_orders", schema="data")
    op.drop_index(op.f("ix_products_category"), table_name="products", schema="data")
