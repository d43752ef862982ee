"""Metrics of the event path; labels are owners, queues and outcomes, never ids."""

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_UNPUBLISHED = Gauge("messaging_outbox_unpublished_events", "Events waiting in the outbox.", ["owner"])
OUTBOX_OLDEST_AGE = Gauge("messaging_outbox_oldest_age_seconds", "Age of the oldest waiting event.", ["owner"])
RELAY_ACTIVE = Gauge("messaging_relay_active", "1 in the process whose relay publishes, 0 in its stand-ins.", ["owner"])
PUBLISHED = Counter("messaging_events_published_total", "Events confirmed by the broker.", ["owner"])
PUBLISH_FAILURES = Counter(
    "messaging_publish_failures_total",
    "Failed tries, by reason: unroutable events, unavailable broker.",
    ["owner", "reason"],
)
DELIVERIES = Counter(
    "messaging_deliveries_total",
    "Settled deliveries, by outcome: applied, duplicate (applied before), failed (tried again later), parked.",
    ["queue", "outcome"],
)
EVENT_AGE = Histogram(
    "messaging_event_age_seconds",
    "Time from the event to its effect being committed.",
    ["queue"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 86400),
)
IN_PROGRESS = Gauge("messaging_deliveries_in_progress", "Deliveries being handled now.", ["queue"])
CONSUMER_PAUSED = Gauge("messaging_consumer_paused", "1 while the consumer waits for its database.", ["queue"])
TASK_RESTARTS = Counter(
    "messaging_worker_task_restarts_total", "Background tasks started again after a failure.", ["task"]
)
