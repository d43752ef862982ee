"""What the proxy counts; labels are route patterns, upstream names and short fixed words only."""

from prometheus_client import Counter, Gauge

DENIED = Counter("gateway_requests_denied_total", "Requests refused by the gateway, by problem code.", ["code"])
LIMIT_DECISIONS = Counter(
    "gateway_limiter_decisions_total",
    "Rate limit decisions: allowed or refused, by the shared counters or by this process alone.",
    ["outcome", "counters"],
)
LIMIT_BATCHES = Counter("gateway_limiter_batches_total", "Calls to Redis that carried the decisions.")
CACHE_REQUESTS = Counter(
    "gateway_cache_requests_total", "Requests of cacheable routes: hit, miss, bypass or away.", ["outcome"]
)
UPSTREAM_CONNECTIONS = Gauge(
    "gateway_upstream_connections", "Connections to a service: active or idle.", ["upstream", "state"]
)
UPSTREAM_FAILURES = Counter(
    "gateway_upstream_failures_total",
    "Exchanges a service did not finish: away, busy, slow or broken.",
    ["upstream", "reason"],
)
UPSTREAM_RETRIES = Counter(
    "gateway_upstream_retries_total", "Requests sent again because a kept connection was already closed.", ["upstream"]
)
BREAKER_OPEN = Gauge("gateway_breaker_open", "1 while a service is given a rest.", ["upstream"])
IN_PROGRESS = Gauge("gateway_requests_in_progress", "Requests inside the gateway now.")
CLIENTS_GONE = Counter("gateway_clients_gone_total", "Callers that left before their answer was complete.")
