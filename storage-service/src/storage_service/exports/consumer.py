"""Exports every published plan, when the settings ask for it."""

from shared.database.unit_of_work import UnitOfWork
from shared.events.envelope import Envelope
from shared.events.forecast import RecommendationsPublishedV1
from shared.messaging.consumer import Subscription
from storage_service.exports.service import create_export_service
from storage_service.resources import Resources


def subscriptions(resources: Resources) -> list[Subscription[RecommendationsPublishedV1, UnitOfWork]]:
    """Listens even when nothing is asked for: turning it on later must not find a queue of old plans."""
    settings = resources.settings
    exports = create_export_service(resources)

    async def on_published(event: RecommendationsPublishedV1, _envelope: Envelope, work: UnitOfWork) -> None:
        if settings.export_on_plan != "none":
            await exports.order_for_plan(work, event.plan_id, settings.export_on_plan, settings.export_language)

    return [Subscription(RecommendationsPublishedV1, on_published)]
