"""Use cases of sales, and their part in an import."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from data_service.catalog.domain import Applied
from data_service.sales import adapters
from data_service.sales.domain import SalesColumns, SoldPeriods, months_of
from data_service.sales.repository import SalesFilter, SalesRepository
from shared.database.unit_of_work import Database, UnitOfWork
from shared.web.identity import AccessScope


class SalesService:
    """What lies outside `scope` is not there for the caller."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

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
                SalesFilter(sku, warehouse, start, end), self._scope, limit=limit, after=after
            )


class SalesIntake:
    """Rows of one sales file, inside the transaction of its import.

    An optimistic intake stores rows at once, and raises RowsCollideError at the first that must be summed with another
    or compared with a stored one; the transaction is lost then, and the file taken in again without optimism.
    Partitions are made in transactions of their own (`database`), so that their locks are held for moments only.
    """

    def __init__(self, work: UnitOfWork, database: Database, *, is_optimistic: bool) -> None:
        self._work = work
        self._database = database
        self._is_optimistic = is_optimistic
        self._months: set[np.datetime64] = set()
        self._periods = SoldPeriods()
        self._rows = 0

    async def begin(self) -> None:
        if not self._is_optimistic:
            await adapters.begin_staging(await self._work.driver())

    async def stage(self, sales: SalesColumns) -> None:
        """Raises: RowsCollideError."""
        self._rows += len(sales)
        self._periods.add(sales)
        await self._ensure_partitions(months_of(sales.days) - self._months)
        take = adapters.store if self._is_optimistic else adapters.stage
        await take(await self._work.driver(), sales)

    async def apply(self) -> Applied:
        periods = self._periods.rows()
        if not periods:
            return Applied()
        connection = await self._work.driver()
        await adapters.note_assortment(connection, periods)
        first, last = min(row[2] for row in periods), max(row[3] for row in periods)
        if self._is_optimistic:
            return Applied(applied=self._rows, period_start=first, period_end=last)
        counts = await adapters.apply_staged(connection, first, last)
        duplicates = self._rows - counts["kept"]
        return Applied(
            applied=counts["applied"],
            unchanged=counts["kept"] - counts["applied"],
            cleaned=duplicates,
            rules=+Counter(exact_duplicate=duplicates, summed_per_day=counts["summed"]),
            period_start=first,
            period_end=last,
        )

    async def _ensure_partitions(self, months: set[np.datetime64]) -> None:
        if not months:
            return
        async with self._database.unit_of_work() as partitioning:
            await SalesRepository(partitioning.session).lock_partitions()
            await adapters.ensure_partitions(await partitioning.driver(), months)
            await partitioning.commit()
        self._months |= months
