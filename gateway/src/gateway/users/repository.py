"""Reads and writes users and their one-time tokens; the domain sees no rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.access.domain import AccessScope
from gateway.audit.domain.entries import Origin
from gateway.users.domain import TOKEN_LIVES, Purpose, User, token_hash
from gateway.users.errors import EmailTakenError, UserNotFoundError
from gateway.users.models import OneTimeTokenRow, PasswordResetRequestRow, UserRow
from shared.database.base import new_id

_MOST_WAITING_REQUESTS = 1000


@dataclass(frozen=True)
class UserRecord:
    """A user about to be stored; without a password hash nobody can log in by password."""

    email: str
    name: str
    roles: frozenset[str]
    scope: AccessScope | None = None
    password_hash: str | None = None


async def add_user(session: AsyncSession, record: UserRecord) -> User:
    """Raises: EmailTakenError."""
    email = record.email
    row = UserRow(
        email=email,
        name=record.name,
        password_hash=record.password_hash,
        roles=sorted(record.roles),
        scope=record.scope.claim if record.scope is not None else None,
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTakenError(f"There is already a user {email}; change that one instead.") from error
    await session.refresh(row)
    return _user(row)


async def get_user(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """Raises: UserNotFoundError."""
    row = await session.get(UserRow, user_id, with_for_update=lock or None)
    if row is None:
        raise UserNotFoundError(f"There is no user {user_id}; list the users to find the right id.")
    return _user(row)


async def find_with_hash(session: AsyncSession, email: str) -> tuple[User, str | None] | None:
    row = (await session.execute(select(UserRow).where(UserRow.email == email))).scalar_one_or_none()
    return None if row is None else (_user(row), row.password_hash)


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    row = (await session.execute(select(UserRow).where(UserRow.email == email))).scalar_one_or_none()
    return None if row is None else _user(row)


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


async def replace_hash(session: AsyncSession, user_id: UUID, outdated: str, password_hash: str) -> None:
    """Only while the outdated one is still there: a password changed at this moment stays changed."""
    query = update(UserRow).where(UserRow.id == user_id, UserRow.password_hash == outdated)
    await session.execute(query.values(password_hash=password_hash))


async def has_other_administrator(session: AsyncSession, user_id: UUID) -> bool:
    """Locks the administrators, so that two changes at once cannot remove the last two."""
    query = select(UserRow.id).where(UserRow.active, literal("admin") == UserRow.roles.any_()).with_for_update()
    return any(found != user_id for found in (await session.execute(query)).scalars())


async def is_empty(session: AsyncSession) -> bool:
    """Holds a lock until the transaction ends: of several replicas one creates the first user."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('gateway:first-administrator'))"))
    return not (await session.execute(select(exists(select(UserRow.id))))).scalar_one()


async def put_token(session: AsyncSession, user_id: UUID, purpose: Purpose, token: str) -> datetime:
    """In the place of an earlier one for the same purpose; the moment it expires."""
    values = {"token_hash": token_hash(token), "expires_at": func.now() + TOKEN_LIVES[purpose]}
    statement = insert(OneTimeTokenRow).values(id=new_id(), user_id=user_id, purpose=purpose.value, **values)
    statement = statement.on_conflict_do_update(index_elements=["user_id", "purpose"], set_=values)
    return (await session.execute(statement.returning(OneTimeTokenRow.expires_at))).scalar_one()


async def find_token_owner(session: AsyncSession, purpose: Purpose, token: str) -> User | None:
    """None when the token is unknown, used or expired, or its owner's account is closed."""
    query = (
        select(UserRow).join(OneTimeTokenRow, OneTimeTokenRow.user_id == UserRow.id).where(_live_token(purpose, token))
    )
    row = (await session.execute(query.where(UserRow.active))).scalar_one_or_none()
    return None if row is None else _user(row)


async def use_token(session: AsyncSession, purpose: Purpose, token: str) -> bool:
    """False when somebody else used it first, or it expired."""
    used = await session.execute(
        delete(OneTimeTokenRow).where(_live_token(purpose, token)).returning(OneTimeTokenRow.id)
    )
    return used.scalar_one_or_none() is not None


async def remove_tokens(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(OneTimeTokenRow).where(OneTimeTokenRow.user_id == user_id))


async def purge_tokens(session: AsyncSession) -> None:
    await session.execute(delete(OneTimeTokenRow).where(OneTimeTokenRow.expires_at <= func.now()))


@dataclass(frozen=True)
class ResetRequest:
    """`attempts` counts the one that is about to be made."""

    id: UUID
    email: str
    origin: Origin
    attempts: int


async def add_reset_request(session: AsyncSession, email: str, origin: Origin) -> bool:
    """False when one for this address waits already, or too many wait altogether."""
    statement = text("""
        INSERT INTO gateway.password_reset_requests (id, email, address, request_id)
        SELECT :id, :email, :address, :request_id
        WHERE (SELECT count(*) FROM gateway.password_reset_requests) < :most
        ON CONFLICT (email) DO NOTHING RETURNING id
    """)
    values = {"id": new_id(), "email": email, "address": origin.address, "request_id": origin.request_id}
    added = await session.execute(statement, {**values, "most": _MOST_WAITING_REQUESTS})
    return added.scalar_one_or_none() is not None


async def claim_reset_request(session: AsyncSession) -> ResetRequest | None:
    """The next that is due. It is not due again for two minutes: whoever claims it may die."""
    query = select(PasswordResetRequestRow).where(PasswordResetRequestRow.due_at <= func.now())
    query = query.order_by(PasswordResetRequestRow.due_at).limit(1).with_for_update(skip_locked=True)
    row = (await session.execute(query)).scalar_one_or_none()
    if row is None:
        return None
    attempts = row.attempts + 1
    await postpone_reset_request(session, row.id, 120, attempts=attempts)
    return ResetRequest(row.id, row.email, Origin(row.address, row.request_id), attempts)


async def postpone_reset_request(
    session: AsyncSession, request_id: UUID, seconds: int, *, attempts: int | None = None
) -> None:
    values: dict[str, Any] = {"due_at": func.now() + timedelta(seconds=seconds)}
    if attempts is not None:
        values["attempts"] = attempts
    await session.execute(
        update(PasswordResetRequestRow).where(PasswordResetRequestRow.id == request_id).values(**values)
    )


async def remove_reset_request(session: AsyncSession, request_id: UUID) -> None:
    await session.execute(delete(PasswordResetRequestRow).where(PasswordResetRequestRow.id == request_id))


def _live_token(purpose: Purpose, token: str) -> ColumnElement[bool]:
    return and_(
        OneTimeTokenRow.token_hash == token_hash(token),
        OneTimeTokenRow.purpose == purpose.value,
        OneTimeTokenRow.expires_at > func.now(),
    )


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        roles=frozenset(row.roles),
        scope=AccessScope.of_claim(row.scope),
        active=row.active,
        has_password=row.password_hash is not None,
        created_at=row.created_at,
        sessions_valid_from=row.sessions_valid_from,
    )
