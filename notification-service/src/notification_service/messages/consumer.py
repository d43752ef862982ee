"""Events in: every event that has a template becomes messages for those who subscribed to it."""

from collections.abc import Sequence
from typing import Any

from notification_service.messages.service import MessageQueue
from notification_service.templates.service import TOPICS, TemplateService
from shared.database.unit_of_work import UnitOfWork
from shared.events.envelope import Envelope, Event
from shared.messaging.consumer import Subscription


def event_subscriptions(templates: TemplateService) -> Sequence[Subscription[Any, UnitOfWork]]:
    queue = MessageQueue(templates)

    async def enqueue(event: Event, envelope: Envelope, work: UnitOfWork) -> None:
        await queue.enqueue(event, envelope, work)

    return [Subscription(event_class, enqueue) for event_class in TOPICS.values()]
