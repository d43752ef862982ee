"""The history of messages over HTTP."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response, status

from notification_service.dependencies import NewestFirst, VisibleOwner
from notification_service.messages.dependencies import get_message_service
from notification_service.messages.domain.delivery import Status
from notification_service.messages.domain.history import MessageFilter, MessageView
from notification_service.messages.schemas import AttemptResponse, MessageDetailResponse, MessageResponse
from notification_service.messages.service import MessageService
from notification_service.subscriptions.domain import ChannelName
from shared.web.idempotency import IdempotencyKey
from shared.web.identity import CallerIdentity
from shared.web.pagination import Page

router = APIRouter(prefix="/v1/messages", tags=["messages"])

Messages = Annotated[MessageService, Depends(get_message_service)]


def _body(view: MessageView) -> MessageResponse:
    return MessageResponse.model_validate(view, from_attributes=True)


@router.get("", summary="List your messages, newest first, an administrator everybody's")
async def list_messages(
    owner: VisibleOwner,
    messages: Messages,
    page: NewestFirst,
    message_status: Annotated[Status | None, Query(alias="status")] = None,
    channel: ChannelName | None = None,
    event_type: Annotated[
        str | None,
        Query(max_length=255, pattern=r"^[a-z0-9.-]+$", description="Full type, `forecast.run.completed.v1`."),
    ] = None,
) -> Page[MessageResponse]:
    wanted = MessageFilter(status=message_status, channel=channel, event_type=event_type)
    return page.shaped(await messages.list_messages(owner, wanted, page.before, page.limit + 1), _body)


@router.get("/{message_id}", summary="Read a message with every try to send it")
async def get_message(message_id: UUID, owner: VisibleOwner, messages: Messages) -> MessageDetailResponse:
    view, attempts = await messages.get_message(message_id, owner)
    tries = [AttemptResponse.model_validate(attempt, from_attributes=True) for attempt in attempts]
    return MessageDetailResponse(**asdict(view), tries=tries)


@router.post("/{message_id}/resend", status_code=status.HTTP_202_ACCEPTED, summary="Send a message again as a new one")
async def resend_message(
    message_id: UUID,
    caller: CallerIdentity,
    owner: VisibleOwner,
    messages: Messages,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MessageResponse:
    view = await messages.resend_message(message_id, owner, caller=caller.subject, key=idempotency_key)
    response.headers["Location"] = f"/v1/messages/{view.id}"
    return _body(view)
