"""Use cases of stock, and its part in imports and receipts."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from data_service.catalog.domain import Applied
from data_service.stock import adapters
from data_service.stock.domain import Receipt, StockRow
from data_service.stock.repository import StockRepository
from shared.database.unit_of_work import Database, UnitOfWork
from shared.events.data import StockChangedV1, StockLevel
from shared.events.fields import BATCH_LIMIT
from shared.web.identity import AccessScope

_SUBJECT = "stock"


class StockService:
    """What lies outside `scope` is not there for the caller."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

    async def list_levels(
        self, *, sku: str | None, warehouse: str | None, limit: int, after: tuple[int, int] | None
    ) -> Sequence[Any]:
        async with self._database.unit_of_work() as work:
            return await StockRepository(work.session).list_levels(
                self._scope, sku=sku, warehouse=warehouse, limit=limit, after=after
            )


async def receive_stock(work: UnitOfWork, receipts: Sequence[Receipt], reference: UUID) -> None:
    """Adds what arrived to the levels, in the caller's transaction; each article and warehouse once."""
    await _publish(work, await StockRepository(work.session).receive(receipts, reference))


async def _publish(work: UnitOfWork, levels: Sequence[Any]) -> None:
    as_of = datetime.now(UTC)
    for start in range(0, len(levels), BATCH_LIMIT):
        part = [
            StockLevel(sku=row["sku"], warehouse=row["warehouse"], on_hand=row["on_hand"], reserved=row["reserved"])
            for row in levels[start : start + BATCH_LIMIT]
        ]
        await work.publish(StockChangedV1(as_of=as_of, levels=part), subject=_SUBJECT)


class StockIntake:
    """Rows of one stock file, inside the transaction of its import."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    async def begin(self) -> None:
        await adapters.begin(await self._work.driver())

    async def stage(self, rows: Sequence[StockRow]) -> None:
        await adapters.stage(await self._work.driver(), rows)

    async def apply(self) -> Applied:
        counts, levels = await adapters.apply(await self._work.driver())
        await _publish(self._work, levels)
        rules = Counter(
            exact_duplicate=counts["staged"] - counts["distinct_rows"],
            superseded_in_file=counts["distinct_rows"] - counts["keys"],
            negative_stock=counts["negative"],
        )
        return Applied(
            applied=counts["changed"],
            unchanged=counts["keys"] - counts["changed"],
            cleaned=counts["staged"] - counts["keys"],
            rules=+rules,
            period_start=counts["first"],
            period_end=counts["last"],
        )
