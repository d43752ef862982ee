"""Use cases of accuracy: kept with every run, read per article."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from forecast_service.accuracy.domain import SeriesAccuracy
from forecast_service.accuracy.repository import AccuracyRepository, copy_articles
from shared.database.unit_of_work import Database, UnitOfWork
from shared.web.identity import UNLIMITED, AccessScope


@dataclass(frozen=True)
class ArticleFigures:
    """Fractions as in 0.25 = 25 percent; None where nothing was sold on the scored days."""

    run_id: UUID
    sku: str
    warehouse: str
    actual: float
    forecast: float
    wape: float | None
    wape_28: float | None
    bias: float | None
    rmsse: float | None
    naive_wape: float | None
    naive_wape_28: float | None
    naive_rmsse: float | None


class AccuracyService:
    """Articles outside `scope` are not there for the caller."""

    def __init__(self, database: Database, scope: AccessScope) -> None:
        self._database = database
        self._scope = scope

    async def list_articles(
        self, run_id: UUID | None, *, sku: str | None, limit: int, after: tuple[str, str] | None
    ) -> list[ArticleFigures]:
        """Of the latest run that was scored, unless another is named."""
        async with self._database.unit_of_work() as work:
            repository = AccuracyRepository(work.session, self._scope)
            run_id = run_id or await repository.latest_run()
            if run_id is None:
                return []
            rows = await repository.list_articles(run_id, sku=sku, limit=limit, after=after)
        return [
            ArticleFigures(
                run_id=row.run_id,
                sku=row.sku,
                warehouse=row.warehouse,
                actual=row.actual,
                forecast=row.forecast,
                wape=_share(row.absolute_error, row.actual),
                wape_28=_share(abs(row.forecast - row.actual), row.actual),
                bias=_share(row.forecast - row.actual, row.actual),
                rmsse=row.rmsse,
                naive_wape=_share(row.naive_absolute_error, row.actual),
                naive_wape_28=_share(abs(row.naive_forecast - row.actual), row.actual),
                naive_rmsse=row.naive_rmsse,
            )
            for row in rows
        ]


@dataclass(frozen=True)
class ScoredSeries:
    """Accuracy of series in the order of their codes, as the engine gives it."""

    skus: Sequence[str]
    warehouses: Sequence[str]
    forecast: SeriesAccuracy
    naive: SeriesAccuracy


async def record_accuracy(work: UnitOfWork, run_id: UUID, scored: ScoredSeries) -> None:
    """In the caller's transaction; series that could not be scored are left out."""
    own, naive = scored.forecast, scored.naive
    records = [
        (
            run_id,
            scored.skus[line],
            scored.warehouses[line],
            float(own.actual[line]),
            float(own.forecast[line]),
            float(own.absolute_error[line]),
            _known(own.rmsse[line]),
            float(naive.forecast[line]),
            float(naive.absolute_error[line]),
            _known(naive.rmsse[line]),
        )
        for line in np.flatnonzero(np.isfinite(own.actual)).tolist()
    ]
    await copy_articles(await work.driver(), records)


async def forget_accuracy(work: UnitOfWork, run_ids: Sequence[UUID]) -> None:
    """In the caller's transaction."""
    await AccuracyRepository(work.session, UNLIMITED).delete_runs(run_ids)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _share(error: float, actual: float) -> float | None:
    return error / actual if actual > 0 else None
