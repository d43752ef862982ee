-- The embedded event transport: bindings, messages (one copy per queue) and dead letters.
-- Run by a superuser; safe to repeat. Service roles become members of procurement_bus.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'procurement_bus') THEN
        CREATE ROLE procurement_bus NOLOGIN;
    END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS bus;

CREATE TABLE IF NOT EXISTS bus.binding (
    queue text NOT NULL,
    pattern text NOT NULL,
    PRIMARY KEY (queue, pattern)
);

CREATE TABLE IF NOT EXISTS bus.message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL,
    deliveries integer NOT NULL DEFAULT 0,
    visible_at timestamptz NOT NULL DEFAULT now(),
    -- The advisory lock of the consumer that holds the message: gone with its connection. The lease covers a consumer
    -- that hangs with its connection open.
    holder integer,
    leased_until timestamptz
);
COMMENT ON COLUMN bus.message.deliveries IS 'How often a handler was started with it.';

CREATE INDEX IF NOT EXISTS ix_message_free ON bus.message (queue, id) WHERE holder IS NULL;
CREATE INDEX IF NOT EXISTS ix_message_held ON bus.message (queue, holder) WHERE holder IS NOT NULL;

CREATE TABLE IF NOT EXISTS bus.dead (
    id uuid PRIMARY KEY,
    queue text NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL,
    deliveries integer NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS ix_dead_queue_parked_at ON bus.dead (queue, parked_at);

-- Rows come and go quickly: vacuum by count, not by share of the table.
ALTER TABLE bus.message SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

REVOKE ALL ON SCHEMA bus FROM PUBLIC;
GRANT USAGE ON SCHEMA bus TO procurement_bus;
GRANT SELECT, INSERT, UPDATE, DELETE ON bus.binding, bus.message, bus.dead TO procurement_bus;
