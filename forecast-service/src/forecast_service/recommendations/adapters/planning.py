"""Reads the planning inputs of data-service."""

import asyncio

import pyarrow as pa

from forecast_service.recommendations.domain.inputs import PlanningFormatError, PlanningInputs, read_inputs
from forecast_service.recommendations.errors import UnreadablePlanningInputsError
from shared.clients.data_client import DataClient
from shared.errors import UnavailableError, UpstreamTimeoutError
from shared.observability.logging import get_logger

_PAUSES_SECONDS = (1.0, 4.0, 15.0)
_log = get_logger(__name__)


async def fetch_planning_inputs(data: DataClient) -> PlanningInputs:
    """A stream that breaks off is begun anew, a few times.

    Raises:
        UnreadablePlanningInputsError, UnavailableError, UpstreamTimeoutError, UpstreamError
    """
    for pause in _PAUSES_SECONDS:
        try:
            return await _fetched(data)
        except (UnavailableError, UpstreamTimeoutError) as error:
            _log.warning("planning_inputs_broke_off", detail=error.detail, again_in=pause)
            await asyncio.sleep(pause)
    return await _fetched(data)


async def _fetched(data: DataClient) -> PlanningInputs:
    content = bytearray()
    async with data.planning_inputs() as pieces:
        async for piece in pieces:
            content += piece
    return await asyncio.to_thread(_parsed, bytes(content))


def _parsed(content: bytes) -> PlanningInputs:
    try:
        with pa.ipc.open_stream(pa.py_buffer(content)) as reader:
            return read_inputs(list(reader), reader.schema)
    except (pa.ArrowException, OSError, PlanningFormatError) as error:
        raise UnreadablePlanningInputsError(
            f"{error}. data-service and forecast-service do not fit each other."
        ) from error
