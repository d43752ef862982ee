"""Builds the message service for a request."""

from notification_service.dependencies import ServiceResources
from notification_service.messages.service import MessageService


async def get_message_service(resources: ServiceResources) -> MessageService:
    return MessageService(resources.database, resources.idempotent)
