"""Routes of alerts: Alertmanager's webhook, and the list."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from monitoring_service.alerts.domain import AlertStatus
from monitoring_service.alerts.schemas import AlertItem, ReceptionReport, Webhook
from monitoring_service.alerts.service import AlertService
from monitoring_service.dependencies import IdBefore, ServiceResources, ServiceSettingsInUse
from shared.web.identity import require_identity
from shared.web.pagination import Page, PageParameters, encode_cursor

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
webhook_router = APIRouter(prefix="/v1/alerts", tags=["alerts"])


async def get_alert_service(resources: ServiceResources) -> AlertService:
    return AlertService(resources.database)


async def require_alertmanager(request: Request, settings: ServiceSettingsInUse) -> None:
    """Alertmanager cannot ask the gateway for a token, so it has one of its own; others come through the gateway."""
    expected = settings.alert_webhook_token.get_secret_value()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if expected and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), expected.encode()):
        return
    identity = await require_identity(request)
    identity.require_role("admin", "ops", "service")


Alerts = Annotated[AlertService, Depends(get_alert_service)]


@webhook_router.post("", summary="Notification of Alertmanager", dependencies=[Depends(require_alertmanager)])
async def receive_alerts(body: Webhook, alerts: Alerts) -> ReceptionReport:
    reception = await alerts.receive([alert.received() for alert in body.alerts])
    return ReceptionReport(received=reception.received, fired=reception.fired, resolved=reception.resolved)


@router.get("", summary="Alerts, newest first")
async def list_alerts(
    alerts: Alerts,
    page: PageParameters,
    before: IdBefore,
    status: Annotated[AlertStatus | None, Query(description="Only firing or only resolved ones.")] = None,
) -> Page[AlertItem]:
    rows = await alerts.list_alerts(status=status, before=before, limit=page.limit + 1)
    items = [AlertItem.model_validate(row) for row in rows[: page.limit]]
    return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > page.limit else None)
