"""Reads and writes sessions, refresh tokens and login throttles."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import column, delete, func, select, table, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.authentication.domain import Principal, ThrottleRule
from gateway.authentication.errors import SessionCheckError
from gateway.authentication.models import LoginThrottleRow, RefreshTokenRow, SessionRow

# A user's row as this feature needs it; the table itself belongs to the users feature.
_users = table(
    "users",
    column("id"),
    column("email"),
    column("roles"),
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


async def add_session(session: AsyncSession, *, user_id: UUID, address: str, life: timedelta) -> UUID:
    row = SessionRow(user_id=user_id, address=address, expires_at=func.clock_timestamp() + life)
    session.add(row)
    await session.flush()
    return row.id


async def find_open_session(session: AsyncSession, session_id: UUID) -> OpenSession | None:
    """None when it ended in any of the ways a session can: revoked, expired, user closed or password changed."""
    query = (
        select(SessionRow, _users.c.email, _users.c.roles)
        .join(_users, _users.c.id == SessionRow.user_id)
        .where(
            SessionRow.id == session_id,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > func.now(),
            SessionRow.created_at >= _users.c.sessions_valid_from,
            _users.c.active,
        )
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    row, email, roles = found
    principal = Principal(str(row.user_id), "user", email, frozenset(roles), str(row.id))
    return OpenSession(row.id, row.user_id, row.expires_at, principal)


async def revoke_session(session: AsyncSession, session_id: UUID, because: str) -> bool:
    query = update(SessionRow).where(SessionRow.id == session_id, SessionRow.revoked_at.is_(None))
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
    return len(gone.scalars().all())
