"""Asks a readiness address and keeps what it says about its own dependencies."""

import json
import time
from typing import Any

import httpx

from monitoring_service.health.domain.state import Outcome
from monitoring_service.health.domain.targets import Target

_BODY_LIMIT_BYTES = 65_536
_TEXT_LIMIT = 300
_DEPENDENCY_LIMIT = 50
_KEPT = ("status", "milliseconds", "error")


class HttpProbe:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, target: Target) -> Outcome:
        """Any answer below 400 counts as up. Raises what the transport raises when there is none."""
        began = time.perf_counter()
        async with self._client.stream("GET", target.address) as response:
            body = await _read(response)
        seconds = time.perf_counter() - began
        report = _report(body)
        dependencies = _dependencies(report)
        ok = response.status_code < 400
        return Outcome(
            target=target,
            ok=ok,
            latency_seconds=seconds,
            degraded=ok and report.get("status") == "degraded",
            error=None if ok else _complaint(response.status_code, dependencies),
            dependencies=dependencies,
        )


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _BODY_LIMIT_BYTES:
            return b""
    return body


def _report(body: bytes) -> dict[str, Any]:
    try:
        report = json.loads(body)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _dependencies(report: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
    given = report.get("dependencies")
    if not isinstance(given, dict):
        return None
    return {
        _text(name): {key: _value(detail[key]) for key in _KEPT if key in detail}
        for name, detail in list(given.items())[:_DEPENDENCY_LIMIT]
        if isinstance(detail, dict)
    }


def _value(value: Any) -> str | float:
    return value if isinstance(value, int | float) else _text(value)


def _text(value: Any) -> str:
    """What PostgreSQL can keep: no null characters, no lone surrogates, no novels."""
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "")[:_TEXT_LIMIT]


def _complaint(status: int, dependencies: dict[str, dict[str, Any]] | None) -> str:
    away = [
        f"{name}: {detail.get('error', 'down')}"
        for name, detail in (dependencies or {}).items()
        if detail.get("status") == "down"
    ]
    return f"HTTP {status}" + (f" ({'; '.join(away)})"[: _TEXT_LIMIT * 2] if away else "")
