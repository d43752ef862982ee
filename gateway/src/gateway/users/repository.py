"""Reads and writes users; the domain sees no rows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.users.domain import User
from gateway.users.errors import EmailTakenError, UserNotFoundError
from gateway.users.models import UserRow


async def add_user(session: AsyncSession, *, email: str, name: str, password_hash: str, roles: frozenset[str]) -> User:
    """Raises: EmailTakenError."""
    row = UserRow(email=email, name=name, password_hash=password_hash, roles=sorted(roles))
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTakenError(f"There is already a user {email}; change that one instead.") from error
    await session.refresh(row)
    return _user(row)


async def get_user(session: AsyncSession, user_id: UUID) -> User:
    """Raises: UserNotFoundError."""
    row = await session.get(UserRow, user_id)
    if row is None:
        raise UserNotFoundError(f"There is no user {user_id}; list the users to find the right id.")
    return _user(row)


async def find_with_hash(session: AsyncSession, email: str) -> tuple[User, str] | None:
    row = (await session.execute(select(UserRow).where(UserRow.email == email))).scalar_one_or_none()
    return None if row is None else (_user(row), row.password_hash)


async def list_users(session: AsyncSession, *, limit: int, before: UUID | None) -> list[User]:
    query = select(UserRow).order_by(UserRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(UserRow.id < before)
    return [_user(row) for row in (await session.execute(query)).scalars()]


async def update_user(
    session: AsyncSession, user_id: UUID, values: Mapping[str, Any], *, end_sessions: bool = False
) -> None:
    """`values` by column name; with `end_sessions` every session begun before now counts no longer."""
    changes: dict[str, Any] = dict(values)
    if end_sessions:
        changes["sessions_valid_from"] = func.clock_timestamp()
    if changes:
        await session.execute(update(UserRow).where(UserRow.id == user_id).values(**changes))


async def has_other_administrator(session: AsyncSession, user_id: UUID) -> bool:
    """Locks the administrators, so that two changes at once cannot remove the last two."""
    query = select(UserRow.id).where(UserRow.active, literal("admin") == UserRow.roles.any_()).with_for_update()
    return any(found != user_id for found in (await session.execute(query)).scalars())


async def is_empty(session: AsyncSession) -> bool:
    """Holds a lock until the transaction ends: of several replicas one creates the first user."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('gateway:first-administrator'))"))
    return not (await session.execute(select(exists(select(UserRow.id))))).scalar_one()


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        roles=frozenset(row.roles),
        active=row.active,
        created_at=row.created_at,
        sessions_valid_from=row.sessions_valid_from,
    )
