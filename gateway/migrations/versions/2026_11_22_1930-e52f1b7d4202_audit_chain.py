"""The hash chain of the audit trail: numbers and hashes by trigger, heads, closed days, seals, and rights to match."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "e52f1b7d4202"
down_revision: str | None = "d41c0a6e31f1"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Encoding 1. The verifier's own (gateway.audit.domain) must give the same bytes: each value as its length in bytes, a
# colon and its text; `-` for a missing one; one after the other, so that no two rows have the same encoding.
_FIELD = """
    CREATE FUNCTION gateway.audit_field(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(octet_length(value)::text || ':' || value, '-')
"""
_HASH = """
    CREATE FUNCTION gateway.audit_entry_hash(entry gateway.audit_entries) RETURNS bytea LANGUAGE sql STABLE
    RETURN sha256(convert_to(concat(
        'procurement-audit-1',
        gateway.audit_field(to_char(entry.day, 'YYYY-MM-DD')),
        gateway.audit_field(entry.sequence::text),
        gateway.audit_field(encode(entry.previous_hash, 'hex')),
        gateway.audit_field(entry.id::text),
        gateway.audit_field((extract(epoch FROM entry.occurred_at) * 1000000)::bigint::text),
        gateway.audit_field(entry.action),
        gateway.audit_field(CASE WHEN entry.succeeded THEN '1' ELSE '0' END),
        gateway.audit_field(entry.actor_kind),
        gateway.audit_field(entry.actor_id),
        gateway.audit_field(entry.actor_name),
        gateway.audit_field(entry.acting_service),
        gateway.audit_field(entry.target),
        gateway.audit_field(entry.address),
        gateway.audit_field(entry.request_id),
        gateway.audit_field(entry.details::text)
    ), 'UTF8'))
"""
# One writer at a time: the head's row stays locked until the transaction ends. The time is taken under the lock, so that
# a day never grows after the next one has begun. An id that exists is refused before the head moves: with ON CONFLICT
# DO NOTHING the row would be left out and its number be missing.
_CHAIN = """
    CREATE FUNCTION gateway.chain_audit_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog AS $$
    DECLARE
        head gateway.audit_head;
    BEGIN
        SELECT * INTO STRICT head FROM gateway.audit_head FOR UPDATE;
        IF EXISTS (SELECT FROM gateway.audit_entries WHERE id = NEW.id) THEN
            RAISE unique_violation USING MESSAGE = 'there is an audit entry with this id';
        END IF;
        NEW.occurred_at := greatest(clock_timestamp(), head.occurred_at);
        NEW.day := (NEW.occurred_at AT TIME ZONE 'UTC')::date;
        NEW.sequence := head.entries + 1;
        IF NEW.day > head.day THEN
            IF head.entries > 0 THEN
                INSERT INTO gateway.audit_days (day, entries, last_hash) VALUES (head.day, head.entries, head.last_hash);
            END IF;
            NEW.sequence := 1;
        END IF;
        NEW.previous_hash := head.last_hash;
        NEW.hash := gateway.audit_entry_hash(NEW);
        UPDATE gateway.audit_head
            SET day = NEW.day, entries = NEW.sequence, last_hash = NEW.hash, occurred_at = NEW.occurred_at;
        RETURN NEW;
    END
    $$
"""
# What was written before the chain began joins it in the order it was written.
_ADOPT = """
    DO $$
    DECLARE
        entry gateway.audit_entries;
        head gateway.audit_head;
    BEGIN
        SELECT * INTO STRICT head FROM gateway.audit_head;
        FOR entry IN SELECT * FROM gateway.audit_entries ORDER BY occurred_at, id LOOP
            entry.day := (entry.occurred_at AT TIME ZONE 'UTC')::date;
            IF entry.day > head.day THEN
                IF head.entries > 0 THEN
                    INSERT INTO gateway.audit_days (day, entries, last_hash)
                        VALUES (head.day, head.entries, head.last_hash);
                END IF;
                head.entries := 0;
            END IF;
            entry.sequence := head.entries + 1;
            entry.previous_hash := head.last_hash;
            entry.hash := gateway.audit_entry_hash(entry);
            UPDATE gateway.audit_entries
                SET day = entry.day, sequence = entry.sequence, previous_hash = entry.previous_hash, hash = entry.hash
                WHERE id = entry.id;
            head := (head.id, entry.day, entry.sequence, entry.hash, entry.occurred_at);
        END LOOP;
        UPDATE gateway.audit_head
            SET day = head.day, entries = head.entries, last_hash = head.last_hash, occurred_at = head.occurred_at;
    END
    $$
"""
_TRIGGER = """
    CREATE TRIGGER audit_entries_chain BEFORE INSERT ON gateway.audit_entries
        FOR EACH ROW EXECUTE FUNCTION gateway.chain_audit_entry()
"""
_APPEND_ONLY = """
    CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gateway.{table}
        FOR EACH STATEMENT EXECUTE FUNCTION gateway.refuse_audit_change()
"""
_KEEP = """
    DO $$
    BEGIN
        IF to_regprocedure('keeper.keep(text, text[], text[], text[])') IS NULL THEN
            RAISE EXCEPTION 'this database was prepared by an older version: run python -m shared.database.bootstrap, then migrate again';
        END IF;
        PERFORM keeper.keep('gateway', '{audit_entries,audit_seals,audit_keys}', '{audit_head,audit_days}',
            '{audit_field,audit_entry_hash,chain_audit_entry,refuse_audit_change}');
    END
    $$
"""
_NOUN = "split_part(action, '.'::text, 1)"
_NAME = "lower(actor_name)"
_WORDS = (
    "to_tsvector('simple'::regconfig, regexp_replace((COALESCE(target, ''::text) || ' '::text) ||"
    " COALESCE(actor_name, ''::text), '[^[:alnum:]]+'::text, ' '::text, 'g'::text))"
)
_SEARCHED = {
    "action": ["action"],
    "noun": [sa.text(_NOUN)],
    "actor_id": ["actor_id"],
    "actor_name": [sa.text(_NAME)],
    "target": ["target"],
    "address": ["address"],
    "request_id": ["request_id"],
}


def upgrade() -> None:
    for name in ("ix_audit_entries_action_id", "ix_audit_entries_actor_id_id"):
        op.drop_index(name, table_name="audit_entries", schema="gateway")
    op.add_column("audit_entries", sa.Column("day", sa.Date()), schema="gateway")
    op.add_column("audit_entries", sa.Column("sequence", sa.Integer()), schema="gateway")
    op.add_column("audit_entries", sa.Column("previous_hash", sa.LargeBinary()), schema="gateway")
    op.add_column("audit_entries", sa.Column("hash", sa.LargeBinary()), schema="gateway")
    _create_heads()
    _create_seals()
    op.execute(_FIELD)
    op.execute(_HASH)
    op.execute(_CHAIN)
    op.execute("ALTER TABLE gateway.audit_entries DISABLE TRIGGER audit_entries_append_only")
    op.execute(_ADOPT)
    op.execute("ALTER TABLE gateway.audit_entries ENABLE TRIGGER audit_entries_append_only")
    for column in ("day", "sequence", "previous_hash", "hash"):
        op.alter_column("audit_entries", column, nullable=False, schema="gateway")
    op.create_unique_constraint(
        op.f("uq_audit_entries_day_sequence"), "audit_entries", ["day", "sequence"], schema="gateway"
    )
    op.execute(_TRIGGER)
    for table in ("audit_seals", "audit_keys"):
        op.execute(_APPEND_ONLY.format(table=table))
    for name, first in _SEARCHED.items():
        op.create_index(f"ix_audit_entries_{name}", "audit_entries", [*first, "day", "sequence"], schema="gateway")
    op.create_index(
        "ix_audit_entries_failed",
        "audit_entries",
        ["day", "sequence"],
        schema="gateway",
        postgresql_where=sa.text("NOT succeeded"),
    )
    op.create_index(
        "ix_audit_entries_words", "audit_entries", [sa.text(_WORDS)], schema="gateway", postgresql_using="gin"
    )
    op.execute(_KEEP)


def _create_heads() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        schema="gateway",
    )
    # Changed with every entry: room for its versions on the same page.
    op.execute("ALTER TABLE gateway.audit_head SET (fillfactor = 10)")
    op.execute(
        "INSERT INTO gateway.audit_head VALUES (1, '1970-01-01', 0, decode(repeat('00', 32), 'hex'), '1970-01-01T00:00Z')"
    )
    op.create_table(
        "audit_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_audit_days")),
        schema="gateway",
    )


def _create_seals() -> None:
    op.create_table(
        "audit_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_audit_keys")),
        schema="gateway",
    )
    op.create_table(
        "audit_seals",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("day", "entries", "key_id", name=op.f("pk_audit_seals")),
        schema="gateway",
    )


def downgrade() -> None:
    """By an administrator: the service's own role has given these tables away."""
    op.execute("ALTER SCHEMA gateway OWNER TO procurement_gateway")
    op.execute("ALTER TABLE gateway.audit_entries OWNER TO procurement_gateway")
    op.execute("ALTER FUNCTION gateway.refuse_audit_change() OWNER TO procurement_gateway")
    op.execute("GRANT ALL ON gateway.audit_entries TO procurement_gateway")
    op.execute("DROP TRIGGER audit_entries_chain ON gateway.audit_entries")
    for function in ("chain_audit_entry()", "audit_entry_hash(gateway.audit_entries)", "audit_field(text)"):
        op.execute(f"DROP FUNCTION gateway.{function}")
    for name in ("words", "failed", *_SEARCHED):
        op.drop_index(f"ix_audit_entries_{name}", table_name="audit_entries", schema="gateway")
    op.drop_constraint("uq_audit_entries_day_sequence", "audit_entries", schema="gateway")
    for table in ("audit_seals", "audit_keys", "audit_days", "audit_head"):
        op.drop_table(table, schema="gateway")
    for column in ("day", "sequence", "previous_hash", "hash"):
        op.drop_column("audit_entries", column, schema="gateway")
    op.create_index("ix_audit_entries_action_id", "audit_entries", ["action", "id"], unique=False, schema="gateway")
    op.create_index("ix_audit_entries_actor_id_id", "audit_entries", ["actor_id", "id"], unique=False, schema="gateway")
