"""index for scopes

Revision ID: b94d0e6a82f3
Revises: 57f2cd2c49a7
"""

from collections.abc import Sequence

from alembic import op

revision: str = "b94d0e6a82f3"
down_revision: str | None = "57f2cd2c49a7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_recommendations_category", "recommendations", ["plan_id", "category"], schema="forecast")


def downgrade() -> None:
    op.drop_index("ix_recommendations_category", table_name="recommendations", schema="forecast")
