"""Invitations, password resets, scopes and quotas, sessions as their owner sees them, and logins by OpenID Connect."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "d41c0a6e31f1"
down_revision: str | None = "b873cffabc1c"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=True, schema="gateway")
    op.add_column("users", sa.Column("scope", postgresql.JSONB(none_as_null=True), nullable=True), schema="gateway")
    op.add_column("api_keys", sa.Column("permits", postgresql.ARRAY(sa.Text()), nullable=True), schema="gateway")
    op.add_column("api_keys", sa.Column("scope", postgresql.JSONB(none_as_null=True), nullable=True), schema="gateway")
    op.add_column("api_keys", sa.Column("requests_per_day", sa.Integer(), nullable=True), schema="gateway")
    op.add_column("api_keys", sa.Column("previous_hash", sa.LargeBinary(), nullable=True), schema="gateway")
    op.add_column(
        "api_keys", sa.Column("previous_valid_until", sa.DateTime(timezone=True), nullable=True), schema="gateway"
    )
    op.create_unique_constraint("uq_api_keys_previous_hash", "api_keys", ["previous_hash"], schema="gateway")
    op.add_column("sessions", sa.Column("user_agent", sa.Text(), nullable=True), schema="gateway")
    op.add_column(
        "sessions",
        sa.Column(
            "last_used_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        schema="gateway",
    )
    _create_one_time_tokens()
    _create_password_reset_requests()
    _create_oidc_tables()


def _create_one_time_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["gateway.users.id"], name="fk_one_time_tokens_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_one_time_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_one_time_tokens_token_hash"),
        sa.UniqueConstraint("user_id", "purpose", name="uq_one_time_tokens_user_id_purpose"),
        schema="gateway",
    )


def _create_password_reset_requests() -> None:
    op.create_table(
        "password_reset_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_password_reset_requests"),
        sa.UniqueConstraint("email", name="uq_password_reset_requests_email"),
        schema="gateway",
    )
    op.create_index(
        "ix_password_reset_requests_due_at", "password_reset_requests", ["due_at"], unique=False, schema="gateway"
    )


def _create_oidc_tables() -> None:
    op.create_table(
        "oidc_logins",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("binding", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_oidc_logins"),
        schema="gateway",
    )
    op.create_index("ix_oidc_logins_expires_at", "oidc_logins", ["expires_at"], unique=False, schema="gateway")
    op.create_table(
        "external_identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("roles_from_issuer", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["gateway.users.id"], name="fk_external_identities_user_id_users"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_external_identities"),
        sa.UniqueConstraint("issuer", "user_id", name="uq_external_identities_issuer_user_id"),
        schema="gateway",
    )


def downgrade() -> None:
    op.drop_table("external_identities", schema="gateway")
    op.drop_index("ix_oidc_logins_expires_at", table_name="oidc_logins", schema="gateway")
    op.drop_table("oidc_logins", schema="gateway")
    op.drop_index("ix_password_reset_requests_due_at", table_name="password_reset_requests", schema="gateway")
    op.drop_table("password_reset_requests", schema="gateway")
    op.drop_table("one_time_tokens", schema="gateway")
    op.drop_column("sessions", "last_used_at", schema="gateway")
    op.drop_column("sessions", "user_agent", schema="gateway")
    op.drop_constraint("uq_api_keys_previous_hash", "api_keys", schema="gateway")
    for name in ("previous_valid_until", "previous_hash", "requests_per_day", "scope", "permits"):
        op.drop_column("api_keys", name, schema="gateway")
    op.drop_column("users", "scope", schema="gateway")
    # Who was invited or came through the identity provider has no password: an unusable one keeps the rows.
    op.execute("UPDATE gateway.users SET password_hash = '' WHERE password_hash IS NULL")
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=False, schema="gateway")
