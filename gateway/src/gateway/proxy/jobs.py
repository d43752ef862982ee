"""Work beside the requests."""

import asyncio

from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.adapters.store import StoreAwayError
from shared.messaging.transport import Transport, TransportError
from shared.observability.logging import get_logger

_SECONDS = 5.0
_log = get_logger(__name__)


async def distrust_while_unheard(transport: Transport, cache: ResponseCache, seconds: float = _SECONDS) -> None:
    """For ever: while no events can come, no answer is served that is older than so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        try:
            async with asyncio.timeout(seconds):
                await transport.check()
        except (TransportError, TimeoutError) as error:
            _log.warning("changes_not_heard", reason=str(error), kept_seconds=seconds)
            try:
                await cache.renew_all()
            except StoreAwayError:
                _log.info("nothing_kept_to_distrust")
