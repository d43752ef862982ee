"""Pulls demand from data-service into a file, piece by piece, so that memory does not grow with the history."""

import asyncio
from pathlib import Path

from shared.clients.data_client import DataClient
from shared.errors import UnavailableError, UpstreamTimeoutError
from shared.observability.logging import get_logger

_BLOCK_BYTES = 1 << 20
_PAUSES_SECONDS = (1.0, 4.0, 15.0)
_log = get_logger(__name__)


async def fetch_demand(data: DataClient, path: Path) -> int:
    """Bytes written. A stream that breaks off is begun anew, a few times.

    Raises:
        UnavailableError, UpstreamTimeoutError, UpstreamError
    """
    for pause in _PAUSES_SECONDS:
        try:
            return await _fetched(data, path)
        except (UnavailableError, UpstreamTimeoutError) as error:
            _log.warning("demand_stream_broke", detail=error.detail, again_in=pause)
            await asyncio.sleep(pause)
    return await _fetched(data, path)


async def _fetched(data: DataClient, path: Path) -> int:
    size, block = 0, bytearray()
    with path.open("wb") as file:
        async with data.demand() as pieces:
            async for piece in pieces:
                block += piece
                if len(block) >= _BLOCK_BYTES:
                    size += await asyncio.to_thread(file.write, bytes(block))
                    block.clear()
        size += await asyncio.to_thread(file.write, bytes(block))
    return size
