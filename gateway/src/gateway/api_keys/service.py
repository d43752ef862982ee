"""Use cases of API keys."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from gateway.api_keys import repository
from gateway.api_keys.domain import ApiKey, KeyOwner, hash_of, new_key
from gateway.api_keys.errors import ApiKeyExpiryError, ApiKeyNotFoundError, ApiKeyRolesError, PersonNeededError
from gateway.audit.domain import Actor, Entry, Origin
from gateway.audit.service import AuditService
from shared.database.unit_of_work import Database
from shared.errors import FieldError


@dataclass(frozen=True)
class NewApiKey:
    """Without roles the key gets all its owner has."""

    name: str
    roles: frozenset[str] | None
    expires_at: datetime | None


@dataclass(frozen=True)
class KeyHolder:
    """The person whose keys are dealt with, and what they may themselves."""

    actor: Actor
    roles: frozenset[str]

    @property
    def user_id(self) -> UUID:
        return UUID(self.actor.id)


class ApiKeyService:
    def __init__(self, database: Database, audit: AuditService) -> None:
        self._database = database
        self._audit = audit

    async def create(self, new: NewApiKey, holder: KeyHolder, origin: Origin) -> tuple[ApiKey, str]:
        """The key's record and the key itself, which nobody can read again."""
        if holder.actor.kind != "user" or holder.actor.acting_service is not None:
            raise PersonNeededError("A key cannot make keys; log in with your password.")
        roles = holder.roles if new.roles is None else new.roles
        if not roles or roles - holder.roles:
            raise ApiKeyRolesError(
                f"roles: choose from your own: {', '.join(sorted(holder.roles))}.",
                errors=[FieldError("not among your own roles", pointer="/roles")],
            )
        if new.expires_at is not None and new.expires_at <= datetime.now(UTC):
            raise ApiKeyExpiryError(
                "expires_at: lies in the past; give a later moment or leave it out.",
                errors=[FieldError("lies in the past", pointer="/expires_at")],
            )
        secret, prefix = new_key()
        async with self._database.unit_of_work() as work:
            key = await repository.add_key(
                work.session,
                user_id=holder.user_id,
                name=new.name,
                prefix=prefix,
                key_hash=hash_of(secret),
                roles=roles,
                expires_at=new.expires_at,
            )
            details = {"prefix": prefix, "roles": sorted(roles)}
            entry = Entry("api_key.created", True, origin, holder.actor, target=f"api_key:{key.id}", details=details)
            await self._audit.add(work, entry)
            await work.commit()
        return key, secret

    async def list_page(self, user_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        async with self._database.unit_of_work() as work:
            return await repository.list_keys(work.session, user_id=user_id, limit=limit, before=before)

    async def revoke(self, key_id: UUID, holder: KeyHolder, origin: Origin) -> None:
        """One's own; an administrator anybody's. Raises: ApiKeyNotFoundError also for somebody else's key."""
        owner = None if "admin" in holder.roles else holder.user_id
        async with self._database.unit_of_work() as work:
            if not await repository.revoke_key(work.session, key_id, user_id=owner):
                raise ApiKeyNotFoundError(f"You have no key {key_id}; list your keys to find the right id.")
            entry = Entry("api_key.revoked", True, origin, holder.actor, target=f"api_key:{key_id}")
            await self._audit.add(work, entry)
            await work.commit()

    async def find_by_key(self, key: str) -> KeyOwner | None:
        """The usable key behind what a caller presents; notes its use."""
        async with self._database.unit_of_work() as work:
            found = await repository.find_usable(work.session, key_hash=hash_of(key))
            if found is not None:
                await repository.touch(work.session, found.key.id)
                await work.commit()
        return found

    async def find_by_id(self, key_id: UUID) -> KeyOwner | None:
        async with self._database.unit_of_work() as work:
            return await repository.find_usable(work.session, key_id=key_id)
