"""PostgreSQL: one schema and role per service, one unit of work per use case, outbox and inbox beside the data."""
