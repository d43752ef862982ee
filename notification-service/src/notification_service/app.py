"""What notification-service consists of: its routers, its background work, its channels."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from notification_service.database import outbox
from notification_service.messages.adapters.console import ConsoleChannel
from notification_service.messages.consumer import event_subscriptions
from notification_service.messages.domain.channel import Channel
from notification_service.messages.domain.delivery import Policy
from notification_service.messages.jobs import Pace, Sender
from notification_service.messages.router import router as messages_router
from notification_service.resources import Resources, open_resources
from notification_service.settings import Settings
from notification_service.subscriptions.router import router as subscriptions_router
from notification_service.telegram.adapters.channel import BotAddress, TelegramChannel
from notification_service.templates.router import router as templates_router
from notification_service.templates.service import TemplateService
from shared.messaging.connect import open_transport
from shared.messaging.consumer import Consumers
from shared.messaging.relay import Relay
from shared.messaging.worker import BackgroundTask, background
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.health import Check
from shared.web.identity import KeySource


def _checks(resources: Resources) -> Mapping[str, Check]:
    async def delivery() -> Mapping[str, Any]:
        if not resources.settings.has_telegram:
            return {"channel": "console", "reason": "no Telegram token"}
        return {"channel": "telegram"}

    return {"database": Check(resources.database.check), "delivery": Check(delivery, required=False)}


def create_app(settings: Settings, keys: KeySource | None = None) -> FastAPI:
    definition = ServiceDefinition(
        owner="notification",
        title="Notification service",
        description="Subscriptions to events, the templates of their messages, and the history of what was sent.",
        open_resources=open_resources,
        checks=_checks,
        routers=(subscriptions_router, messages_router, templates_router),
        background=tasks_beside,
    )
    return create_service_app(definition, settings, keys)


@asynccontextmanager
async def open_channels(settings: Settings) -> AsyncIterator[Mapping[str, Channel]]:
    """By route, the channel a subscriber asked for; without a token both routes lead to the console."""
    if settings.telegram_token is None or not settings.has_telegram:
        console = ConsoleChannel("console channel (no Telegram token)")
        yield {"telegram": console, "console": console}
        return
    address = BotAddress(
        token=settings.telegram_token,
        api_base_url=settings.telegram_api_base_url,
        connect_timeout_seconds=settings.telegram_connect_timeout_seconds,
        read_timeout_seconds=settings.telegram_read_timeout_seconds,
        connections=settings.delivery_concurrency + 1,
    )
    bot = TelegramChannel(address)
    try:
        yield {"telegram": bot, "console": ConsoleChannel("console channel")}
    finally:
        await bot.close()


@asynccontextmanager
async def open_tasks(settings: Settings, resources: Resources) -> AsyncIterator[Sequence[BackgroundTask]]:
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(open_transport(settings.effective_broker_url, "notification"))
        channels = await stack.enter_async_context(open_channels(settings))
        templates = TemplateService(public_url=settings.public_url, zone=settings.zone)
        database = resources.database
        consumers = Consumers("notification", database.unit_of_work, transport, event_subscriptions(templates))
        sender = Sender(
            database,
            channels,
            Policy(settings.delivery_failures_limit, timedelta(hours=settings.delivery_give_up_hours)),
            Pace(settings.delivery_poll_seconds, settings.delivery_concurrency, settings.delivery_pause_seconds),
        )
        yield [
            BackgroundTask("consumers", consumers.run),
            BackgroundTask("outbox relay", Relay(database.engine, outbox, transport).run),
            BackgroundTask("sender", sender.run),
        ]


@asynccontextmanager
async def tasks_beside(settings: Settings, resources: Resources) -> AsyncIterator[None]:
    """For one machine: the same work inside the HTTP process."""
    async with open_tasks(settings, resources) as tasks, background(tasks):
        yield
