"""Calls to other services through the gateway: credentials, timeouts, budgeted retries, breaker, trace headers."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from shared.clients.retry import Breaker, RetryBudget
from shared.errors import ServiceError, UnavailableError, UpstreamError, UpstreamTimeoutError
from shared.observability import context, metrics
from shared.observability.logging import get_logger
from shared.observability.tracing import outgoing_traceparent

CONNECT_SECONDS = 3.0
ATTEMPTS = 3
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_MAX_WAIT_SECONDS = 10.0
_RENEW_BEFORE_SECONDS = 60.0
_log = get_logger(__name__)


class UpstreamProblemError(UpstreamError):
    """The neighbour refused with a problem document of its own; `upstream_status` and `upstream_code` are its words."""

    def __init__(self, detail: str, *, upstream_status: int, upstream_code: str) -> None:
        super().__init__(detail)
        self.upstream_status = upstream_status
        self.upstream_code = upstream_code


class GatewayClient:
    """One per process. `provider` is the owner name of the service asked (`data`), for metrics and breaker.

    `transport` replaces the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: SecretStr,
        *,
        timeout_seconds: float = 15.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=10),
            transport=transport,
        )
        self._timeout_ms = str(int(timeout_seconds * 1000))
        self._client_id = client_id
        self._client_secret = client_secret
        self._token = ""
        self._token_expires_at = 0.0
        self._token_lock = asyncio.Lock()
        self._budgets: dict[str, RetryBudget] = {}
        self._breakers: dict[str, Breaker] = {}

    async def close(self) -> None:
        await self._client.aclose()

    async def get_json(
        self, provider: str, path: str, *, params: Mapping[str, Any] | None = None, acting_for: str | None = None
    ) -> Any:
        return await self._json("GET", provider, path, params=params, acting_for=acting_for)

    async def post_json(
        self,
        provider: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        acting_for: str | None = None,
    ) -> Any:
        """Tried again only when an idempotency key makes a repeat harmless."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._json(
            "POST", provider, path, params=params, json=body, extra_headers=headers, acting_for=acting_for
        )

    @asynccontextmanager
    async def stream(
        self,
        provider: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        accept: str = "application/octet-stream",
        idle_seconds: float = 60.0,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body as it arrives; a pause longer than `idle_seconds` is a timeout. Never tried again once begun."""
        headers = await self._headers({"Accept": accept}, acting_for=None)
        timeout = httpx.Timeout(idle_seconds, connect=CONNECT_SECONDS)
        try:
            async with self._client.stream("GET", path, params=params, headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise _refused(provider, response)
                yield response.aiter_bytes()
        except httpx.TimeoutException as error:
            raise UpstreamTimeoutError(f"{provider} stopped sending for {idle_seconds:.0f} s; try again.") from error
        except httpx.TransportError as error:
            raise UnavailableError(f"{provider} broke off the transfer; try again.") from error

    async def _json(self, method: str, provider: str, path: str, **request: Any) -> Any:
        response = await self._send(method, provider, path, **request)
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise UpstreamError(f"{provider} answered {path} with something that is not JSON.") from error

    async def _send(
        self,
        method: str,
        provider: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        acting_for: str | None = None,
    ) -> httpx.Response:
        repeatable = method in _IDEMPOTENT or "Idempotency-Key" in (extra_headers or {})
        budget = self._budgets.setdefault(provider, RetryBudget())
        budget.earn()
        for attempt in range(1, ATTEMPTS + 1):
            headers = await self._headers(extra_headers or {}, acting_for=acting_for)
            headers["X-Request-Timeout-Ms"] = self._timeout_ms
            may_repeat = repeatable and attempt < ATTEMPTS
            try:
                response = await self._once(provider, method, path, params=params, json=json, headers=headers)
            except (UnavailableError, UpstreamTimeoutError):
                if not (may_repeat and budget.spend()):
                    raise
                await self._pause(provider, attempt, None)
                continue
            if response.status_code == 401 and attempt == 1:
                self._token_expires_at = 0.0  # revoked or rotated: one fresh token, then the refusal stands
                continue
            if response.status_code in _RETRIED_STATUSES and may_repeat and budget.spend():
                await self._pause(provider, attempt, response.headers.get("Retry-After"))
                continue
            if response.status_code >= 400:
                raise _refused(provider, response)
            return response
        raise UnavailableError(f"{provider} did not serve {path} after {ATTEMPTS} attempts; try again later.")

    async def _once(self, provider: str, method: str, path: str, **request: Any) -> httpx.Response:
        breaker = self._breakers.setdefault(provider, Breaker())
        if not breaker.allows():
            raise UnavailableError(
                f"{provider} failed repeatedly and is given a rest; try again in {breaker.seconds_to_probe} s."
            )
        began = time.perf_counter()
        outcome = "unreachable"
        try:
            response = await self._client.request(method, path, **request)
            outcome = f"{response.status_code // 100}xx"
        except httpx.TimeoutException as error:
            outcome = "timeout"
            raise UpstreamTimeoutError(f"{provider} did not answer {path} in time; try again.") from error
        except httpx.TransportError as error:
            raise UnavailableError(f"{provider} cannot be reached; try again.") from error
        finally:
            metrics.HTTP_CLIENT_DURATION.labels(provider, outcome).observe(time.perf_counter() - began)
            (breaker.failed if outcome in {"unreachable", "timeout", "5xx"} else breaker.succeeded)()
            metrics.HTTP_CLIENT_BREAKER_OPEN.labels(provider).set(breaker.is_open)
        return response

    async def _pause(self, provider: str, attempt: int, retry_after: str | None) -> None:
        metrics.HTTP_CLIENT_RETRIES.labels(provider).inc()
        wait = 0.2 * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 -- spreads retries, no secret
        if retry_after and retry_after.isdigit():
            wait = max(wait, float(retry_after))
        await asyncio.sleep(min(wait, _MAX_WAIT_SECONDS))

    async def _headers(self, extra: Mapping[str, str], *, acting_for: str | None) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {await self._service_token()}",
            "traceparent": outgoing_traceparent(),
            **extra,
        }
        if (request_id := context.request_id.get()) is not None:
            headers["X-Request-Id"] = request_id
        if acting_for:
            headers["X-Acting-For"] = acting_for
        return headers

    async def _service_token(self) -> str:
        if time.monotonic() < self._token_expires_at:
            return self._token
        async with self._token_lock:
            if time.monotonic() < self._token_expires_at:
                return self._token
            credentials = {"client_id": self._client_id, "client_secret": self._client_secret.get_secret_value()}
            response = await self._once("gateway", "POST", "/api/v1/auth/token", json=credentials)
            if response.status_code >= 400:
                raise _refused("gateway", response)
            body = response.json()
            self._token = body["access_token"]
            life = float(body["expires_in"])
            self._token_expires_at = time.monotonic() + max(life - _RENEW_BEFORE_SECONDS, life / 2)
        return self._token


def _refused(provider: str, response: httpx.Response) -> ServiceError:
    try:
        problem = response.json()
        detail, code = str(problem.get("detail", "")), str(problem.get("code", ""))
    except (ValueError, AttributeError):
        detail, code = "", ""
    if response.status_code in {503, 429}:
        return UnavailableError(detail or f"{provider} is not available now; try again.")
    if response.status_code == 504:
        return UpstreamTimeoutError(detail or f"{provider} did not answer in time; try again.")
    return UpstreamProblemError(
        f"{provider} refused ({response.status_code}): {detail or response.reason_phrase}",
        upstream_status=response.status_code,
        upstream_code=code,
    )
