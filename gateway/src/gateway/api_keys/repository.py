"""Reads and writes API keys."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, column, exists, func, or_, select, table, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.access.domain import AccessScope
from gateway.api_keys.domain import ApiKey, KeyOwner, KeyTerms
from gateway.api_keys.models import ApiKeyRow

# The owner's row as this feature needs it; the table itself belongs to the users feature.
_users = table(
    "users", column("id"), column("email"), column("roles"), column("scope", JSONB), column("active"), schema="gateway"
)


async def add_key(session: AsyncSession, *, user_id: UUID, prefix: str, key_hash: bytes, terms: KeyTerms) -> ApiKey:
    row = ApiKeyRow(user_id=user_id, prefix=prefix, key_hash=key_hash, **_values(terms))
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return _key(row)


async def owner_exists(session: AsyncSession, user_id: UUID) -> bool:
    return (await session.execute(select(exists().where(_users.c.id == user_id)))).scalar_one()


async def list_keys(session: AsyncSession, *, user_id: UUID, limit: int, before: UUID | None) -> list[ApiKey]:
    query = select(ApiKeyRow).where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
    if before is not None:
        query = query.where(ApiKeyRow.id < before)
    rows = await session.execute(query.order_by(ApiKeyRow.id.desc()).limit(limit))
    return [_key(row) for row in rows.scalars()]


async def find_live_key(session: AsyncSession, key_id: UUID, *, user_id: UUID) -> ApiKey | None:
    """Locked until the transaction ends; None when it was revoked or is not the given user's."""
    query = select(ApiKeyRow).where(
        ApiKeyRow.id == key_id, ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None)
    )
    row = (await session.execute(query.with_for_update())).scalar_one_or_none()
    return None if row is None else _key(row)


async def change_key(session: AsyncSession, key_id: UUID, terms: KeyTerms) -> ApiKey:
    return await _update(session, key_id, _values(terms))


async def exchange_hash(session: AsyncSession, key_id: UUID, key_hash: bytes, grace: timedelta) -> ApiKey:
    """The hash in force becomes the previous one; an even earlier one is forgotten."""
    values = {"previous_hash": ApiKeyRow.key_hash, "previous_valid_until": func.now() + grace, "key_hash": key_hash}
    return await _update(session, key_id, values)


async def _update(session: AsyncSession, key_id: UUID, values: Mapping[str, Any]) -> ApiKey:
    statement = update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(**values).returning(ApiKeyRow)
    changed = await session.execute(statement, execution_options={"populate_existing": True})
    return _key(changed.scalar_one())


async def revoke_key(session: AsyncSession, key_id: UUID, *, user_id: UUID | None) -> bool:
    """False when there is no such live key, or it is not the given user's."""
    query = update(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    if user_id is not None:
        query = query.where(ApiKeyRow.user_id == user_id)
    revoked = await session.execute(query.values(revoked_at=func.now()).returning(ApiKeyRow.id))
    return revoked.scalar_one_or_none() is not None


async def revoke_keys_of(session: AsyncSession, user_id: UUID) -> int:
    query = update(ApiKeyRow).where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
    revoked = await session.execute(query.values(revoked_at=func.now()).returning(ApiKeyRow.id))
    return len(revoked.scalars().all())


async def find_usable(
    session: AsyncSession, *, key_hash: bytes | None = None, key_id: UUID | None = None
) -> KeyOwner | None:
    """By a hash of the key or by its id: neither revoked nor expired, of an active owner."""
    by_hash = or_(
        ApiKeyRow.key_hash == key_hash,
        and_(ApiKeyRow.previous_hash == key_hash, ApiKeyRow.previous_valid_until > func.now()),
    )
    query = (
        select(ApiKeyRow, _users.c.email, _users.c.roles, _users.c.scope)
        .join(_users, _users.c.id == ApiKeyRow.user_id)
        .where(
            by_hash if key_hash is not None else ApiKeyRow.id == key_id,
            ApiKeyRow.revoked_at.is_(None),
            or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > func.now()),
            _users.c.active,
        )
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    row, email, roles, scope = found
    return KeyOwner(_key(row), email, frozenset(roles), AccessScope.of_claim(scope))


async def touch(session: AsyncSession, key_id: UUID) -> None:
    """Notes the use, at most once a minute: it must not cost a write per request."""
    recent = text("now() - interval '1 minute'")
    await session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < recent))
        .values(last_used_at=func.now())
    )


def _values(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "roles": sorted(terms.roles),
        "permits": sorted(terms.permits) if terms.permits is not None else None,
        "scope": terms.scope.claim if terms.scope is not None else None,
        "requests_per_day": terms.requests_per_day,
        "expires_at": terms.expires_at,
    }


def _key(row: ApiKeyRow) -> ApiKey:
    terms = KeyTerms(
        name=row.name,
        roles=frozenset(row.roles),
        permits=frozenset(row.permits) if row.permits is not None else None,
        scope=AccessScope.of_claim(row.scope),
        requests_per_day=row.requests_per_day,
        expires_at=row.expires_at,
    )
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        prefix=row.prefix,
        terms=terms,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        previous_valid_until=row.previous_valid_until,
    )
