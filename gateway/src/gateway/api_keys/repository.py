"""Reads and writes API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import column, func, or_, select, table, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.api_keys.domain import ApiKey, KeyOwner
from gateway.api_keys.models import ApiKeyRow

# The owner's row as this feature needs it; the table itself belongs to the users feature.
_users = table("users", column("id"), column("email"), column("roles"), column("active"), schema="gateway")


async def add_key(
    session: AsyncSession,
    *,
    user_id: UUID,
    name: str,
    prefix: str,
    key_hash: bytes,
    roles: frozenset[str],
    expires_at: datetime | None,
) -> ApiKey:
    row = ApiKeyRow(
        user_id=user_id, name=name, prefix=prefix, key_hash=key_hash, roles=sorted(roles), expires_at=expires_at
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return _key(row)


async def list_keys(session: AsyncSession, *, user_id: UUID, limit: int, before: UUID | None) -> list[ApiKey]:
    query = select(ApiKeyRow).where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
    if before is not None:
        query = query.where(ApiKeyRow.id < before)
    rows = await session.execute(query.order_by(ApiKeyRow.id.desc()).limit(limit))
    return [_key(row) for row in rows.scalars()]


async def revoke_key(session: AsyncSession, key_id: UUID, *, user_id: UUID | None) -> bool:
    """False when there is no such live key, or it is not the given user's."""
    query = update(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    if user_id is not None:
        query = query.where(ApiKeyRow.user_id == user_id)
    revoked = await session.execute(query.values(revoked_at=func.now()).returning(ApiKeyRow.id))
    return revoked.scalar_one_or_none() is not None


async def find_usable(
    session: AsyncSession, *, key_hash: bytes | None = None, key_id: UUID | None = None
) -> KeyOwner | None:
    """By the key's hash or by its id: neither revoked nor expired, of an active owner."""
    query = (
        select(ApiKeyRow, _users.c.email, _users.c.roles)
        .join(_users, _users.c.id == ApiKeyRow.user_id)
        .where(
            ApiKeyRow.key_hash == key_hash if key_hash is not None else ApiKeyRow.id == key_id,
            ApiKeyRow.revoked_at.is_(None),
            or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > func.now()),
            _users.c.active,
        )
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else KeyOwner(_key(found[0]), found[1], frozenset(found[2]))


async def touch(session: AsyncSession, key_id: UUID) -> None:
    """Notes the use, at most once a minute: it must not cost a write per request."""
    recent = text("now() - interval '1 minute'")
    await session.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.id == key_id, or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < recent))
        .values(last_used_at=func.now())
    )


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        roles=frozenset(row.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
