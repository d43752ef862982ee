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
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.health import Check
from shared.web.identity import KeySource
