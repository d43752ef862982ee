"""Reads and writes sessions, refresh tokens and login throttles."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, column, delete, func, select, table, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.access.domain import AccessScope
from gateway.authentication.domain import Device, PendingLogin, Principal, Session, ThrottleRule
from gateway.authentication.errors import SessionCheckError
from gateway.authentication.models import (
    ExternalIdentityRow,
    LoginThrottleRow,
    PendingLoginRow,
    RefreshTokenRow,
    SessionRow,
)

_PENDING_LOGIN_LIFE = timedelta(minutes=10)

# A user's row as this feature needs it; the table itself belongs to the users feature.
_users = table(
    "users",
    column("id"),
    column("email"),
    column("roles"),
    column("scope", JSONB),
    column("active"),
    column("sessions_valid_from"),
    schema="gateway",
)


@dataclass(frozen=True)
class OpenSession:
    session_id: UUID
    user_id: UUID
    expires_at: datetime
    principal: Principal


@contextmanager
def failing_closed() -> Iterator[None]:
    """Whatever keeps the store from answering becomes SessionCheckError."""
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise SessionCheckError from error


async def add_session(session: AsyncSession, *, user_id: UUID, device: Device, life: timedelta) -> UUID:
    row = SessionRow(
        user_id=user_id,
        address=device.address,
        user_agent=device.user_agent,
        expires_at=func.clock_timestamp() + life,
    )
    session.add(row)
    await session.flush()
    return row.id


async def find_open_session(session: AsyncSession, session_id: UUID) -> OpenSession | None:
    """None when it ended in any of the ways a session can: revoked, expired, user closed or password changed."""
    query = (
        select(SessionRow, _users.c.email, _users.c.roles, _users.c.scope)
        .join(_users, _users.c.id == SessionRow.user_id)
        .where(SessionRow.id == session_id, *_is_open())
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    row, email, roles, scope = found
    principal = Principal(
        str(row.user_id), "user", email, frozenset(roles), str(row.id), scope=AccessScope.of_claim(scope)
    )
    return OpenSession(row.id, row.user_id, row.expires_at, principal)


async def touch_session(session: AsyncSession, session_id: UUID) -> bool:
    """Notes the use, at most once a minute; False when it was noted lately: it must not cost a write per request."""
    recent = func.clock_timestamp() - timedelta(minutes=1)
    query = update(SessionRow).where(SessionRow.id == session_id, SessionRow.last_used_at < recent)
    touched = await session.execute(query.values(last_used_at=func.clock_timestamp()).returning(SessionRow.id))
    return touched.scalar_one_or_none() is not None


async def list_open_sessions(session: AsyncSession, user_id: UUID, *, limit: int, before: UUID | None) -> list[Session]:
    query = select(SessionRow).join(_users, _users.c.id == SessionRow.user_id)
    query = query.where(SessionRow.user_id == user_id, *_is_open())
    if before is not None:
        query = query.where(SessionRow.id < before)
    rows = (await session.execute(query.order_by(SessionRow.id.desc()).limit(limit))).scalars()
    return [
        Session(row.id, row.user_agent, row.address, row.created_at, row.last_used_at, row.expires_at) for row in rows
    ]


def _is_open() -> Iterable[ColumnElement[bool]]:
    return (
        SessionRow.revoked_at.is_(None),
        SessionRow.expires_at > func.now(),
        SessionRow.created_at >= _users.c.sessions_valid_from,
        _users.c.active.is_(True),
    )


async def revoke_session(session: AsyncSession, session_id: UUID, because: str, *, user_id: UUID | None = None) -> bool:
    """False when there is no such session in force, or it is not the given user's."""
    query = update(SessionRow).where(SessionRow.id == session_id, SessionRow.revoked_at.is_(None))
    if user_id is not None:
        query = query.where(SessionRow.user_id == user_id)
    ended = await session.execute(query.values(revoked_at=func.now(), revoked_because=because).returning(SessionRow.id))
    return ended.scalar_one_or_none() is not None


async def revoke_all_sessions(session: AsyncSession, user_id: UUID, because: str) -> int:
    query = update(SessionRow).where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
    ended = await session.execute(query.values(revoked_at=func.now(), revoked_because=because).returning(SessionRow.id))
    return len(ended.scalars().all())


async def add_refresh_token(session: AsyncSession, session_id: UUID) -> UUID:
    row = RefreshTokenRow(session_id=session_id)
    session.add(row)
    await session.flush()
    return row.id


async def use_refresh_token(session: AsyncSession, token_id: UUID, session_id: UUID) -> bool:
    """False when it was used before, or never existed."""
    query = update(RefreshTokenRow).where(
        RefreshTokenRow.id == token_id, RefreshTokenRow.session_id == session_id, RefreshTokenRow.used_at.is_(None)
    )
    used = await session.execute(query.values(used_at=func.now()).returning(RefreshTokenRow.id))
    return used.scalar_one_or_none() is not None


_CHARGE = text("""
    INSERT INTO gateway.login_throttles AS t (key, due)
    VALUES (:key, extract(epoch FROM clock_timestamp()) + :step)
    ON CONFLICT (key) DO UPDATE SET due = greatest(t.due, extract(epoch FROM clock_timestamp())) + :step
    WHERE greatest(t.due, extract(epoch FROM clock_timestamp())) + :step
          <= extract(epoch FROM clock_timestamp()) + :window
    RETURNING due
""")
_WAIT = text("""
    SELECT due + :step - :window - extract(epoch FROM clock_timestamp()) FROM gateway.login_throttles WHERE key = :key
""")


async def charge_attempts(session: AsyncSession, charges: Sequence[tuple[ThrottleRule, bytes]]) -> float:
    """Counts an attempt by every rule; the seconds to wait when one of them is exhausted, else 0.

    The generic cell rate algorithm in one statement per rule: exact however many replicas count at once.
    """
    for rule, key in charges:
        step = rule.seconds / rule.attempts
        values = {"key": key, "step": step, "window": float(rule.seconds)}
        if (await session.execute(_CHARGE, values)).scalar_one_or_none() is None:
            return max(1.0, float((await session.execute(_WAIT, values)).scalar_one()))
    return 0.0


async def refund_attempts(session: AsyncSession, charges: Sequence[tuple[ThrottleRule, bytes]]) -> None:
    for rule, key in charges:
        query = update(LoginThrottleRow).where(LoginThrottleRow.key == key)
        await session.execute(query.values(due=LoginThrottleRow.due - rule.seconds / rule.attempts))


async def add_pending_login(session: AsyncSession, state_hash: bytes, pending: PendingLogin) -> None:
    session.add(
        PendingLoginRow(
            state_hash=state_hash,
            nonce=pending.nonce,
            code_verifier=pending.code_verifier,
            binding=pending.binding,
            expires_at=func.now() + _PENDING_LOGIN_LIFE,
        )
    )
    await session.flush()


async def take_pending_login(session: AsyncSession, state_hash: bytes) -> PendingLogin | None:
    """It is gone then: a state works once."""
    query = delete(PendingLoginRow).where(PendingLoginRow.state_hash == state_hash)
    query = query.where(PendingLoginRow.expires_at > func.now())
    row = (await session.execute(query.returning(PendingLoginRow))).scalar_one_or_none()
    return None if row is None else PendingLogin(row.nonce, row.code_verifier, row.binding)


@dataclass(frozen=True)
class ExternalIdentity:
    user_id: UUID
    roles_from_issuer: bool


async def find_external_identity(session: AsyncSession, issuer: str, subject: str) -> ExternalIdentity | None:
    row = await session.get(ExternalIdentityRow, (issuer, subject))
    return None if row is None else ExternalIdentity(row.user_id, row.roles_from_issuer)


async def add_external_identity(
    session: AsyncSession, issuer: str, subject: str, user_id: UUID, *, roles_from_issuer: bool
) -> bool:
    """False when either side is linked already."""
    statement = insert(ExternalIdentityRow).values(
        issuer=issuer, subject=subject, user_id=user_id, roles_from_issuer=roles_from_issuer
    )
    added = await session.execute(statement.on_conflict_do_nothing().returning(ExternalIdentityRow.user_id))
    return added.scalar_one_or_none() is not None


async def purge(session: AsyncSession) -> int:
    """Removes sessions a week after their end, and throttles that have drained."""
    week_ago = func.now() - timedelta(days=7)
    gone = await session.execute(
        delete(SessionRow)
        .where((SessionRow.expires_at < week_ago) | (SessionRow.revoked_at < week_ago))
        .returning(SessionRow.id)
    )
    await session.execute(
        delete(LoginThrottleRow).where(LoginThrottleRow.due < func.extract("epoch", func.clock_timestamp()))
    )
    await session.execute(delete(PendingLoginRow).where(PendingLoginRow.expires_at <= func.now()))
    return len(gone.scalars().all())
