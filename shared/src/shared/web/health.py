"""Liveness asks nothing of anybody; readiness asks every dependency and says which one is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.observability.logging import mask

CHECK_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Check:
    """Asks one dependency; `run` returns details to show (or None) and raises when it is away.

    A service is ready without a dependency that is not `required`: it then says `degraded`.
    """

    run: Callable[[], Awaitable[Mapping[str, Any] | None]]
    required: bool = True


@dataclass(frozen=True)
class _Outcome:
    ok: bool
    required: bool
    report: dict[str, Any]


async def _ask(check: Check) -> _Outcome:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            details = await check.run()
    except Exception as error:  # noqa: BLE001 -- whatever a driver raises, the answer is the same: away
        text = mask(str(error)) or type(error).__name__
        return _Outcome(ok=False, required=check.required, report={"status": "down", "error": text[:200]})
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    return _Outcome(
        ok=True, required=check.required, report={"status": "up", "milliseconds": milliseconds, **(details or {})}
    )


async def readiness(checks: Mapping[str, Check]) -> tuple[Literal["ready", "degraded", "unavailable"], dict[str, Any]]:
    outcomes = dict(zip(checks, await asyncio.gather(*map(_ask, checks.values())), strict=True))
    reports = {name: outcome.report for name, outcome in outcomes.items()}
    if any(outcome.required and not outcome.ok for outcome in outcomes.values()):
        return "unavailable", reports
    return ("ready" if all(outcome.ok for outcome in outcomes.values()) else "degraded"), reports


def health_router(service: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive", "service": service}

    @router.get("/health/ready")
    async def ready(request: Request) -> JSONResponse:
        status, reports = await readiness(request.state.checks)
        body = {"status": status, "service": service, "dependencies": reports}
        return JSONResponse(body, status_code=503 if status == "unavailable" else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)

    return router
