"""Use cases of demand: what forecasting and planning read."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import date

from data_service.demand.domain import (
    DEMAND_SCHEMA,
    PLANNING_SCHEMA,
    ArrowStream,
    Codes,
    demand_batch,
    planning_batch,
    portions,
)
from data_service.demand.repository import DemandRepository
from shared.database.unit_of_work import Database
from shared.web.identity import AccessScope

_FIRST_ROWS = 10_000
_LARGEST_ROWS = 250_000
_PLANNING_ROWS = 5_000


class DemandService:
    """Only what lies in `scope` is streamed."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

    async def demand(self, start: date | None, end: date | None) -> AsyncGenerator[bytes, None]:
        """An Arrow IPC stream; the schema comes at once, the rows as they are read."""
        stream = ArrowStream(DEMAND_SCHEMA)
        async with self._database.unit_of_work() as work:
            repository = DemandRepository(work, self._scope)
            await repository.begin()
            yield stream.begin()
            warehouses = Codes.of(await repository.list_warehouses())
            articles = await repository.list_articles()
            for portion in portions([days for _, _, days in articles], _FIRST_ROWS, _LARGEST_ROWS):
                products = Codes.of([(product_id, sku) for product_id, sku, _ in articles[portion]])
                copied = await repository.copy_demand(products.ids.tolist(), warehouses.ids.tolist(), start, end)
                batch = await asyncio.to_thread(demand_batch, copied, products, warehouses)
                if batch.num_rows:
                    yield await asyncio.to_thread(stream.add, batch)
        yield stream.end()

    async def planning_inputs(self) -> AsyncGenerator[bytes, None]:
        """An Arrow IPC stream, one row per article and warehouse."""
        stream = ArrowStream(PLANNING_SCHEMA)
        async with self._database.unit_of_work() as work:
            repository = DemandRepository(work, self._scope)
            await repository.begin()
            yield stream.begin()
            async for rows in repository.planning_rows(_PLANNING_ROWS):
                batch = await asyncio.to_thread(planning_batch, rows)
                yield await asyncio.to_thread(stream.add, batch)
        yield stream.end()
