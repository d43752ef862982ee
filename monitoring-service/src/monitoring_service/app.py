"""Lists what monitoring-service serves."""

from collections.abc import Mapping

from fastapi import FastAPI

from monitoring_service.activity.router import router as activity_router
from monitoring_service.alerts.router import router as alerts_router
from monitoring_service.alerts.router import webhook_router
from monitoring_service.health.router import router as health_router
from monitoring_service.incidents.router import router as incidents_router
from monitoring_service.resources import Resources, open_resources
from monitoring_service.settings import Settings
from monitoring_service.status_page.router import router as status_page_router
from monitoring_service.worker import tasks_beside
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.health import Check
from shared.web.identity import KeySource


def _checks(resources: Resources) -> Mapping[str, Check]:
    """Nothing is required: with its database away this service still probes on the spot, and that is when it counts."""
    return {
        "database": Check(resources.database.check, required=False),
        "broker": Check(resources.transport.check, required=False),
    }


def create_app(settings: Settings, keys: KeySource | None = None) -> FastAPI:
    definition = ServiceDefinition(
        owner="monitoring",
        title="monitoring-service",
        description="Probes of every service and server, incidents, alerts and the status of the platform.",
        open_resources=open_resources,
        checks=_checks,
        routers=[health_router, incidents_router, alerts_router, activity_router, status_page_router],
        background=tasks_beside,
        public_routers=[webhook_router],
    )
    return create_service_app(definition, settings, keys)
