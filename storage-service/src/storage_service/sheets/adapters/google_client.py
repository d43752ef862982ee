"""gspread with patience of its own: gspread 6.2's back-off client repeats for ever and repeats refusals too."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests
from google.auth.exceptions import TransportError
from gspread.exceptions import APIError
from gspread.http_client import HTTPClient

from storage_service.sheets.domain.patience import (
    RETRIED_STATUSES,
    PatienceExhaustedError,
    RetryPolicy,
    StoppedError,
    TokenBucket,
)

CONNECT_SECONDS = 5.0
READ_SECONDS = 180.0
CALLS_PER_MINUTE = 50  # Google allows 60 per service account; the rest is left for people's own tools
_GOOGLE = ("https://sheets.googleapis.com", "https://www.googleapis.com")


@dataclass(frozen=True)
class Patience:
    """Shared by every call of the process: the quota belongs to the service account."""

    policy: RetryPolicy
    reads: TokenBucket = field(default_factory=lambda: TokenBucket(CALLS_PER_MINUTE, time.monotonic))
    writes: TokenBucket = field(default_factory=lambda: TokenBucket(CALLS_PER_MINUTE, time.monotonic))


class PatientHTTPClient(HTTPClient):
    """`stop` ends waiting at once; `base_url` replaces Google's hosts."""

    def __init__(self, auth: Any, *, patience: Patience, stop: threading.Event, base_url: str | None = None) -> None:
        super().__init__(auth)
        self.set_timeout((CONNECT_SECONDS, READ_SECONDS))
        self._patience = patience
        self._stop = stop
        self._base_url = base_url
        self.calls = 0

    def request(self, method: str, endpoint: str, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = time.monotonic() + self._patience.policy.deadline_seconds
        bucket = self._patience.reads if method.lower() == "get" else self._patience.writes
        attempt = 0
        while True:
            attempt += 1
            self._wait(bucket.reserve(), deadline)
            self.calls += 1
            try:
                return super().request(method, self._redirected(endpoint), *args, **kwargs)
            except APIError as error:
                if error.response.status_code not in RETRIED_STATUSES:
                    raise
                wait = self._patience.policy.wait_seconds(attempt, _retry_after(error.response))
                self._wait_or_raise(wait, deadline, error)
            except (requests.ConnectionError, requests.Timeout, TransportError) as error:
                self._wait_or_raise(self._patience.policy.wait_seconds(attempt), deadline, error)

    def _wait_or_raise(self, seconds: float, deadline: float, error: Exception) -> None:
        try:
            self._wait(seconds, deadline)
        except PatienceExhaustedError:
            raise error from None

    def _wait(self, seconds: float, deadline: float) -> None:
        if time.monotonic() + seconds > deadline:
            raise PatienceExhaustedError
        if self._stop.wait(seconds):
            raise StoppedError

    def _redirected(self, endpoint: str) -> str:
        if self._base_url is not None:
            for host in _GOOGLE:
                if endpoint.startswith(host):
                    return self._base_url + endpoint.removeprefix(host)
        return endpoint


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
