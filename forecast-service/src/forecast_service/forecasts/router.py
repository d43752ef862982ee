"""Routes of forecast runs and forecasts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from forecast_service.dependencies import ServiceResources, cursor_values
from forecast_service.forecasts.domain.runs import RunStatus
from forecast_service.forecasts.schemas import ForecastResponse, RunRequest, RunResponse
from forecast_service.forecasts.service import ForecastService
from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1", tags=["forecasts"])

_PLANNERS = ("admin", "manager", "buyer", "ops", "service")
_CODE = r"^[^\x00-\x1f]+$"


async def get_forecast_service(resources: ServiceResources) -> ForecastService:
    return ForecastService(resources.database, resources.idempotent)


Forecasts = Annotated[ForecastService, Depends(get_forecast_service)]


@router.post("/runs", status_code=202, summary="Start a forecast run, followed by a new plan")
async def start_run(
    forecasts: Forecasts,
    identity: CallerIdentity,
    response: Response,
    body: Annotated[RunRequest | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> RunResponse:
    identity.require_role(*_PLANNERS)
    horizon_days = body.horizon_days if body is not None else None
    run = await forecasts.start_run(horizon_days=horizon_days, requested_by=identity.subject, key=idempotency_key)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return RunResponse.model_validate(run)


@router.get("/runs", summary="List forecast runs, newest first")
async def list_runs(
    forecasts: Forecasts, page: PageParameters, status: Annotated[RunStatus | None, Query()] = None
) -> Page[RunResponse]:
    after = cursor_values(page, lambda value: UUID(str(value)))
    runs = await forecasts.list_runs(status=status, limit=page.limit + 1, after=after[0] if after else None)
    items = [RunResponse.model_validate(run) for run in runs[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(runs) > page.limit else None)


@router.get("/runs/{run_id}", summary="One forecast run: status, progress, accuracy, plan")
async def get_run(forecasts: Forecasts, run_id: UUID) -> RunResponse:
    return RunResponse.model_validate(await forecasts.get_run(run_id))


@router.post("/runs/{run_id}/cancellation", status_code=202, summary="End a run before it is finished")
async def cancel_run(forecasts: Forecasts, identity: CallerIdentity, run_id: UUID) -> RunResponse:
    identity.require_role(*_PLANNERS)
    return RunResponse.model_validate(await forecasts.cancel_run(run_id))


@router.get("/forecasts/{sku}", summary="The latest forecast of an article: days and quantiles, per warehouse")
async def get_forecast(
    forecasts: Forecasts,
    scope: CallerScope,
    sku: Annotated[str, Path(max_length=100, pattern=_CODE)],
    warehouse: Annotated[str | None, Query(max_length=100, pattern=_CODE, description="Default: all.")] = None,
) -> ForecastResponse:
    run, found = await forecasts.get_forecasts(sku, warehouse, scope)
    return ForecastResponse.of(sku, run, found)
