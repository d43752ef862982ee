"""Events in: new data leads to a new plan, once the imports have come to rest."""

from collections.abc import Sequence
from typing import Any

from forecast_service.forecasts.service import postpone_replan
from forecast_service.settings import Settings
from shared.database.unit_of_work import UnitOfWork
from shared.events.data import ImportCompletedV1, StockChangedV1
from shared.events.envelope import Envelope
from shared.messaging.consumer import Subscription


def subscriptions(settings: Settings) -> Sequence[Subscription[Any, UnitOfWork]]:
    async def on_import_completed(event: ImportCompletedV1, _envelope: Envelope, work: UnitOfWork) -> None:
        if event.counts.applied > 0:
            await postpone_replan(work, settings.replan_after_import_seconds)

    async def on_stock_changed(_event: StockChangedV1, _envelope: Envelope, work: UnitOfWork) -> None:
        await postpone_replan(work, settings.replan_after_import_seconds)

    return [Subscription(ImportCompletedV1, on_import_completed), Subscription(StockChangedV1, on_stock_changed)]
