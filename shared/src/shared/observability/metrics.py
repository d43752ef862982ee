"""Metrics every process has. A service's own metrics stand in its features; labels take bounded values only."""

import asyncio
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram


class BatchHistogram(Histogram):
    def observe_many(self, amounts: Sequence[float]) -> None:
        """The same as `observe` for each, but every bucket is raised once."""
        counts = Counts(bisect_left(self._upper_bounds, amount) for amount in amounts)
        for bucket, count in counts.items():
            self._buckets[bucket].inc(count)
        self._sum.inc(sum(amounts))


HTTP_REQUEST_DURATION = BatchHistogram(
    "http_server_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its response, by route pattern.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HTTP_REQUESTS_IN_PROGRESS = Gauge("http_server_requests_in_progress", "Requests being served now.")
HTTP_RESPONSE_BYTES = Counter("http_server_response_bytes_total", "Bytes of response bodies sent.")
HTTP_CLIENT_DURATION = Histogram(
    "http_client_request_duration_seconds",
    "Time of one outgoing call, by provider and outcome (2xx … 5xx, timeout, unreachable).",
    ["provider", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
HTTP_CLIENT_RETRIES = Counter("http_client_retries_total", "Outgoing calls tried again.", ["provider"])
HTTP_CLIENT_BREAKER_OPEN = Gauge(
    "http_client_breaker_open", "1 while calls to the provider are refused without trying.", ["provider"]
)
EVENT_LOOP_LAG = Gauge("event_loop_lag_seconds", "How late a timer of the event loop fired, last sample.")
DATABASE_CONNECTIONS = Gauge("database_pool_connections", "Connections of the pool.", ["state"])

_LAG_SAMPLE_SECONDS = 1.0


async def sample_event_loop_lag() -> None:
    """Runs for ever; a lag that grows means something blocks the loop."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_SAMPLE_SECONDS
        await asyncio.sleep(_LAG_SAMPLE_SECONDS)
        EVENT_LOOP_LAG.set(max(0.0, loop.time() - due))
