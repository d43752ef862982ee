"""Routes of demand: Arrow IPC streams, never JSON arrays of a million rows."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from data_service.demand.errors import InvalidPeriodError
from data_service.demand.service import DemandService
from data_service.dependencies import ServiceResources
from shared.errors import FieldError
from shared.web.identity import CallerScope

router = APIRouter(prefix="/v1", tags=["demand"])

ARROW_STREAM = "application/vnd.apache.arrow.stream"
_ARROW: dict[int | str, dict[str, Any]] = {200: {"content": {ARROW_STREAM: {}}, "description": "Arrow IPC stream"}}


async def get_demand_service(resources: ServiceResources, scope: CallerScope) -> DemandService:
    return DemandService(resources.database, scope)


Demand = Annotated[DemandService, Depends(get_demand_service)]


@router.get(
    "/demand",
    summary="Clean daily demand by article, warehouse and day",
    response_class=StreamingResponse,
    responses=_ARROW,
)
async def stream_demand(
    demand: Demand,
    start: Annotated[date | None, Query(description="First day.")] = None,
    end: Annotated[date | None, Query(description="Day after the last one.")] = None,
) -> StreamingResponse:
    if start is not None and end is not None and end <= start:
        raise InvalidPeriodError(
            f"The period ends ({end}) before it begins ({start}).",
            errors=[FieldError("not after start", parameter="end")],
        )
    return await _streamed(demand.demand(start, end))


@router.get(
    "/planning-inputs",
    summary="What planning needs to know of every article and warehouse",
    response_class=StreamingResponse,
    responses=_ARROW,
)
async def stream_planning_inputs(demand: Demand) -> StreamingResponse:
    return await _streamed(demand.planning_inputs())


async def _streamed(pieces: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """The first piece is awaited here, so that a database which is away is an error and not a cut-off stream."""
    first = await anext(pieces)

    async def rest() -> AsyncGenerator[bytes, None]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return StreamingResponse(rest(), media_type=ARROW_STREAM)
