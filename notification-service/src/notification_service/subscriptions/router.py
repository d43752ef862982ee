"""Subscriptions over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from notification_service.dependencies import NewestFirst, VisibleOwner
from notification_service.subscriptions.dependencies import get_subscription_service
from notification_service.subscriptions.schemas import (
    ChangeSubscriptionRequest,
    CreateSubscriptionRequest,
    SubscriptionResponse,
)
from notification_service.subscriptions.service import NewSubscription, SubscriptionService, SubscriptionView
from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity, CallerScope
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

Subscriptions = Annotated[SubscriptionService, Depends(get_subscription_service)]


def _body(view: SubscriptionView) -> SubscriptionResponse:
    return SubscriptionResponse.model_validate(view, from_attributes=True)


@router.post("", status_code=status.HTTP_201_CREATED, summary="Subscribe an address to events")
async def create_subscription(
    body: CreateSubscriptionRequest,
    caller: CallerIdentity,
    subscriptions: Subscriptions,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SubscriptionResponse:
    wanted = NewSubscription(**{name: getattr(body, name) for name in CreateSubscriptionRequest.model_fields})
    view = await subscriptions.create_subscription(caller.subject, wanted, idempotency_key, caller.scope)
    response.headers["Location"] = f"/v1/subscriptions/{view.id}"
    return _body(view)


@router.get("", summary="List your subscriptions, an administrator everybody's")
async def list_subscriptions(
    owner: VisibleOwner, subscriptions: Subscriptions, page: NewestFirst
) -> Page[SubscriptionResponse]:
    return page.shaped(await subscriptions.list_subscriptions(owner, page.before, page.limit + 1), _body)


@router.get("/{subscription_id}", summary="Read a subscription")
async def get_subscription(
    subscription_id: UUID, owner: VisibleOwner, subscriptions: Subscriptions
) -> SubscriptionResponse:
    return _body(await subscriptions.get_subscription(subscription_id, owner))


@router.patch("/{subscription_id}", summary="Change a subscription")
async def change_subscription(
    subscription_id: UUID,
    body: ChangeSubscriptionRequest,
    owner: VisibleOwner,
    scope: CallerScope,
    subscriptions: Subscriptions,
) -> SubscriptionResponse:
    changes = body.model_dump(exclude_unset=True)
    return _body(await subscriptions.change_subscription(subscription_id, owner, changes, scope))


@router.delete("/{subscription_id}", status_code=status.HTTP_204_NO_CONTENT, summary="End a subscription")
async def delete_subscription(subscription_id: UUID, owner: VisibleOwner, subscriptions: Subscriptions) -> None:
    await subscriptions.delete_subscription(subscription_id, owner)
