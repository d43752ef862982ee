"""Use cases of sales, and their part in an import."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from data_service.catalog.domain import Applied
from data_service.sales import adapters
from data_service.sales.domain import SalesColumns, months_of
from data_service.sales.repository import SalesFilter, SalesRepository
from shared.database.unit_of_work import Database, UnitOfWork


class SalesService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_sales(
        self,
        *,
        sku: str | None,
        warehouse: str | None,
        start: date | None,
        end: date | None,
        limit: int,
        after: tuple[int, int, date] | None,
    ) -> Sequence[Any]:
        async with self._database.unit_of_work() as work:
            return await SalesRepository(work.session).list_sales(
                SalesFilter(sku, warehouse, start, end), limit=limit, after=after
            )


class SalesIntake:
    """Rows of one sales file, inside the transaction of its import.

    Partitions are made in transactions of their own (`database`), so that their locks are held for moments only.
    """

    def __init__(self, work: UnitOfWork, database: Database) -> None:
        self._work = work
        self._database = database
        self._months: set[np.datetime64] = set()

    async def begin(self) -> None:
        await adapters.begin(await self._work.driver())

    async def stage(self, sales: SalesColumns) -> None:
        self._months |= months_of(sales.days)
        await adapters.stage(await self._work.driver(), sales)

    async def apply(self) -> Applied:
        async with self._database.unit_of_work() as partitioning:
            await SalesRepository(partitioning.session).lock_partitions()
            await adapters.ensure_partitions(await partitioning.driver(), self._months)
            await partitioning.commit()
        counts = await adapters.apply(await self._work.driver())
        duplicates = counts["staged"] - counts["kept"]
        return Applied(
            applied=counts["applied"],
            unchanged=counts["kept"] - counts["applied"],
            cleaned=duplicates,
            rules=+Counter(exact_duplicate=duplicates, summed_per_day=counts["summed"]),
            period_start=counts["first"],
            period_end=counts["last"],
        )
