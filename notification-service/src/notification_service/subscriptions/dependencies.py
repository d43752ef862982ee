"""Builds the subscription service for a request."""

from notification_service.dependencies import ServiceResources
from notification_service.subscriptions.service import SubscriptionService


async def get_subscription_service(resources: ServiceResources) -> SubscriptionService:
    return SubscriptionService(resources.database, resources.idempotent)
