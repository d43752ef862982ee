"""Use cases of subscriptions, and what the sender asks about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from notification_service.subscriptions.domain import (
    AddressError,
    ChannelName,
    PatternError,
    covering_patterns,
    names_about_rows,
    normal_address,
    normal_patterns,
)
from notification_service.subscriptions.errors import SubscriptionInvalidError, SubscriptionNotFoundError
from notification_service.subscriptions.models import Subscription
from notification_service.subscriptions.repository import SubscriptionRepository
from notification_service.templates.domain.names import Language
from notification_service.templates.service import TOPICS
from shared.database.idempotency import IdempotentRequests, fingerprint
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import FieldError
from shared.web.identity import AccessScope, OutsideScopeError


@dataclass(frozen=True)
class SubscriptionView:
    id: UUID
    owner: str
    channel: ChannelName
    address: str
    language: Language
    event_types: tuple[str, ...]
    active: bool
    inactive_reason: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            owner=row.owner,
            channel=row.channel,
            address=row.address,
            language=row.language,
            event_types=tuple(row.event_types),
            active=row.active,
            inactive_reason=row.inactive_reason,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@dataclass(frozen=True)
class NewSubscription:
    channel: ChannelName
    address: str
    language: Language
    event_types: Sequence[str]
    active: bool


class SubscriptionService:
    """`owner` limits every use case to one caller's subscriptions; None is for those who see everybody's."""

    def __init__(self, database: Database, requests: IdempotentRequests) -> None:
        self._database = database
        self._requests = requests

    async def create_subscription(
        self, owner: str, wanted: NewSubscription, key: str | None, scope: AccessScope
    ) -> SubscriptionView:
        """`key` is the caller's Idempotency-Key: a repeat gets the first subscription again.

        Raises:
            SubscriptionInvalidError: an address or event name that does not exist.
            OutsideScopeError: its messages would tell of more than the caller may see.
            SubscriptionExistsError: the caller has the channel and address already.
        """
        row = Subscription(
            owner=owner,
            channel=wanted.channel,
            address=_address(wanted.channel, wanted.address),
            language=wanted.language,
            event_types=_event_types(wanted.event_types),
            active=wanted.active,
        )
        _require_in_scope(row.event_types, scope)
        async with self._database.unit_of_work() as work:
            if key is not None:
                request = fingerprint("create_subscription", vars(wanted))
                first = await self._requests.claim(work, caller=owner, key=key, request=request)
                if first is not None:
                    return SubscriptionView.of(await _get(work, UUID(first["id"]), owner))
            await SubscriptionRepository(work.session).save(row)
            if key is not None:
                await self._requests.remember(work, caller=owner, key=key, response={"id": str(row.id)})
            await work.commit()
        return SubscriptionView.of(row)

    async def get_subscription(self, subscription_id: UUID, owner: str | None) -> SubscriptionView:
        """Raises: SubscriptionNotFoundError also for somebody else's."""
        async with self._database.unit_of_work() as work:
            return SubscriptionView.of(await _get(work, subscription_id, owner))

    async def list_subscriptions(
        self, owner: str | None, before: UUID | None, limit: int
    ) -> Sequence[SubscriptionView]:
        async with self._database.unit_of_work() as work:
            rows = await SubscriptionRepository(work.session).list_page(owner, before, limit)
        return [SubscriptionView.of(row) for row in rows]

    async def change_subscription(
        self, subscription_id: UUID, owner: str | None, changes: Mapping[str, Any], scope: AccessScope
    ) -> SubscriptionView:
        """`changes` has only what shall change. Activating forgets why it had stopped.

        Raises:
            SubscriptionNotFoundError: also for somebody else's.
            SubscriptionInvalidError, OutsideScopeError, SubscriptionExistsError: as at creation.
        """
        async with self._database.unit_of_work() as work:
            row = await _get(work, subscription_id, owner, for_change=True)
            if "address" in changes or "channel" in changes:
                row.channel = changes.get("channel", row.channel)
                row.address = _address(row.channel, changes.get("address", row.address))  # type: ignore[arg-type]
            if "event_types" in changes:
                row.event_types = _event_types(changes["event_types"])
            row.language = changes.get("language", row.language)
            row.active = changes.get("active", row.active)
            row.inactive_reason = None if row.active else row.inactive_reason
            if row.active:
                _require_in_scope(row.event_types, scope)
            await SubscriptionRepository(work.session).save(row)
            await work.commit()
        return SubscriptionView.of(row)

    async def delete_subscription(self, subscription_id: UUID, owner: str | None) -> None:
        """Raises: SubscriptionNotFoundError also for somebody else's."""
        async with self._database.unit_of_work() as work:
            row = await _get(work, subscription_id, owner, for_change=True)
            await SubscriptionRepository(work.session).delete(row.id)
            await work.commit()


async def subscribers_of(work: UnitOfWork, event_name: str) -> Sequence[SubscriptionView]:
    """Active subscriptions that want the event."""
    rows = await SubscriptionRepository(work.session).matching(covering_patterns(event_name))
    return [SubscriptionView.of(row) for row in rows]


async def subscriptions_with_ids(work: UnitOfWork, ids: Collection[UUID]) -> Mapping[UUID, SubscriptionView]:
    rows = await SubscriptionRepository(work.session).with_ids(ids)
    return {row.id: SubscriptionView.of(row) for row in rows}


async def stop_address(work: UnitOfWork, channel: str, address: str, reason: str) -> int:
    """Deactivates every subscription of an address that can no longer be reached; returns how many."""
    return await SubscriptionRepository(work.session).deactivate(channel, address, reason)


async def move_address(work: UnitOfWork, channel: str, old: str, new: str) -> None:
    """For a chat that got another id."""
    await SubscriptionRepository(work.session).move(channel, old, new)


async def _get(work: UnitOfWork, subscription_id: UUID, owner: str | None, *, for_change: bool = False) -> Subscription:
    row = await SubscriptionRepository(work.session).find(subscription_id, owner, for_change=for_change)
    if row is None:
        raise SubscriptionNotFoundError(f"There is no subscription {subscription_id}, or it is not yours.")
    return row


def _require_in_scope(event_types: Sequence[str], scope: AccessScope) -> None:
    """A message is written once for all who get it, so there is none that tells only of one person's part."""
    if not scope.is_limited:
        return
    if too_much := names_about_rows(event_types, TOPICS.keys()):
        allowed = sorted(TOPICS.keys() - set(names_about_rows(["*"], TOPICS.keys())))
        raise OutsideScopeError(
            f"Messages about {', '.join(too_much)} tell of the whole company, and your access is limited to a part of "
            f"it. Choose among {', '.join(allowed)}; your own part is in GET /api/v1/forecast/recommendations.",
            errors=[FieldError(detail=f"{name} lies outside your scope", pointer="/event_types") for name in too_much],
        )


def _address(channel: ChannelName, address: str) -> str:
    try:
        return normal_address(channel, address)
    except AddressError as error:
        raise _invalid(f"{error}", "/address") from error


def _event_types(patterns: Sequence[str]) -> list[str]:
    try:
        return normal_patterns(patterns, TOPICS.keys())
    except PatternError as error:
        raise _invalid(f"{error}", "/event_types") from error


def _invalid(detail: str, pointer: str) -> SubscriptionInvalidError:
    return SubscriptionInvalidError(f"{pointer}: {detail}", errors=[FieldError(detail=detail, pointer=pointer)])
