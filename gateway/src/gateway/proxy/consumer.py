"""Events in: what a service tells has changed makes kept answers untrue, in every process that keeps some."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.domain.invalidation import tags_of_catalogue, tags_of_event
from shared.events import data, forecast
from shared.events.envelope import Envelope, Event
from shared.messaging.consumer import Subscription

_CHANGES: tuple[type[Event], ...] = (
    data.ImportCompletedV1,
    data.StockChangedV1,
    data.PurchaseOrderCreatedV1,
    data.PurchaseOrderApprovedV1,
    data.PurchaseOrderOrderedV1,
    data.PurchaseOrderReceivedV1,
    data.PurchaseOrderLateV1,
    data.PurchaseOrderCancelledV1,
    forecast.RunCompletedV1,
    forecast.RecommendationsPublishedV1,
)


class Renewal:
    """Stands where others have a transaction: a change told twice does no harm, so no event is remembered.

    Kept answers become untrue in time even while the database is away.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    async def receive(self, _consumer: str, _event_id: UUID, /) -> bool:
        return True

    async def commit(self) -> None:
        return None


def subscriptions(cache: ResponseCache) -> Sequence[Subscription[Any, Renewal]]:
    """An event is taken again until Redis knows of it; so long nothing that Redis holds is served anyway."""

    async def on_product_changed(event: data.ProductChangedV1, _envelope: Envelope, _work: Renewal) -> None:
        metrics.CACHE_CHANGES.labels("event").inc()
        await cache.renew(tags_of_catalogue(event.parts))

    async def on_change(event: Event, _envelope: Envelope, _work: Renewal) -> None:
        metrics.CACHE_CHANGES.labels("event").inc()
        await cache.renew(tags_of_event(event.event_type))

    others = [Subscription(event_class, on_change) for event_class in _CHANGES]
    return [Subscription(data.ProductChangedV1, on_product_changed), *others]
