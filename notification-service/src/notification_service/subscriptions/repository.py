"""SQL of subscriptions."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from notification_service.subscriptions.errors import SubscriptionExistsError
from notification_service.subscriptions.models import Subscription

_ROWS = select(*Subscription.__table__.columns)


class SubscriptionRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(self, subscription: Subscription) -> None:
        """Raises: SubscriptionExistsError when the owner has the same channel and address already."""
        where = f"{subscription.channel} {subscription.address}"
        self._session.add(subscription)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise SubscriptionExistsError(
                f"There is a subscription of the same owner for {where} already; change that one."
            ) from error
        await self._session.refresh(subscription)

    async def find(self, subscription_id: UUID, owner: str | None, *, for_change: bool) -> Subscription | None:
        """`owner` None finds anybody's; `for_change` locks the row."""
        query = select(Subscription).where(Subscription.id == subscription_id)
        if owner is not None:
            query = query.where(Subscription.owner == owner)
        found: Subscription | None = await self._session.scalar(query.with_for_update() if for_change else query)
        return found

    async def list_page(self, owner: str | None, before: UUID | None, limit: int) -> Sequence[Subscription]:
        """Newest first."""
        query = select(Subscription).order_by(Subscription.id.desc()).limit(limit)
        if owner is not None:
            query = query.where(Subscription.owner == owner)
        if before is not None:
            query = query.where(Subscription.id < before)
        return (await self._session.scalars(query)).all()

    async def delete(self, subscription_id: UUID) -> None:
        await self._session.execute(delete(Subscription).where(Subscription.id == subscription_id))

    async def matching(self, patterns: Sequence[str]) -> Sequence[Row[Any]]:
        """Active ones that name any of the patterns; plain rows, since there may be tens of thousands."""
        query = _ROWS.where(Subscription.active, Subscription.event_types.overlap(list(patterns)))
        return (await self._session.execute(query)).all()

    async def with_ids(self, subscription_ids: Collection[UUID]) -> Sequence[Row[Any]]:
        return (await self._session.execute(_ROWS.where(Subscription.id.in_(subscription_ids)))).all()

    async def deactivate(self, channel: str, address: str, reason: str) -> int:
        changed = await self._session.execute(
            update(Subscription)
            .where(Subscription.channel == channel, Subscription.address == address, Subscription.active)
            .values(active=False, inactive_reason=reason)
            .returning(Subscription.id)
        )
        return len(changed.all())

    async def move(self, channel: str, old: str, new: str) -> None:
        """Subscriptions of the old address go to the new one; where its owner has that already, the old one stops."""
        taken = select(Subscription.owner).where(Subscription.channel == channel, Subscription.address == new)
        here = (Subscription.channel == channel, Subscription.address == old)
        await self._session.execute(
            update(Subscription)
            .where(*here, Subscription.owner.in_(taken))
            .values(active=False, inactive_reason=f"The chat has moved to {new}, which is subscribed as well.")
            .execution_options(synchronize_session=False)
        )
        await self._session.execute(
            update(Subscription)
            .where(*here, Subscription.owner.not_in(taken))
            .values(address=new)
            .execution_options(synchronize_session=False)
        )
