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
    "gateway_cache_requests_total",
    "Requests of cacheable routes by service: hit, stale, miss, collapsed (waited for another's miss), bypass or away.",
    ["upstream", "outcome"],
)
CACHE_MEMORY = Gauge("gateway_cache_memory_bytes", "Answers kept in this process's memory, in front of Redis.")
CACHE_CHANGES = Counter("gateway_cache_changes_total", "Changes that made kept answers untrue: write or event.", ["by"])
UPSTREAM_CONNECTIONS = Gauge(
    "gateway_upstream_connections", "Connections to a service: active or idle.", ["upstream", "state"]
)
UPSTREAM_FAILURES = Counter(
    "gateway_upstream_failures_total",
    "Exchanges a service did not finish: away, busy, slow or broken.",
    ["upstream", "reason"],
)
UPSTREAM_RETRIES = Counter(
    "gateway_upstream_retries_total",
    "Requests sent again: the kept connection was already closed, or the instance could not be reached.",
    ["upstream"],
)
UPSTREAM_EJECTED = Gauge(
    "gateway_upstream_ejected_instances", "Instances of a service left out at present.", ["upstream"]
)
BREAKER_OPEN = Gauge("gateway_breaker_open", "1 while a service is given a rest.", ["upstream"])
IN_PROGRESS = Gauge("gateway_requests_in_progress", "Requests inside the gateway now.")
CLIENTS_GONE = Counter("gateway_clients_gone_total", "Callers that left before their answer was complete.")

_CACHE_COUNTERS: dict[tuple[str, str], Counter] = {}


def count_cache(upstream: str, outcome: str) -> None:
    """On the hot path: the labels are looked up once."""
    counter = _CACHE_COUNTERS.get((upstream, outcome))
    if counter is None:
        counter = _CACHE_COUNTERS[upstream, outcome] = CACHE_REQUESTS.labels(upstream, outcome)
    counter.inc()
