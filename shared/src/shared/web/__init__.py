"""The HTTP edge: application factory, problem documents, identity, health, pagination, idempotency."""
