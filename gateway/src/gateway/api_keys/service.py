"""Use cases of API keys."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.api_keys import repository
from gateway.api_keys.domain import ApiKey, BadTermsError, KeyOwner, KeyTerms, check_terms, hash_of, new_key
from gateway.api_keys.errors import (
    ApiKeyExpiryError,
    ApiKeyNotFoundError,
    ApiKeyOwnerNotFoundError,
    ApiKeyRolesError,
    ApiKeyTermsError,
    PersonNeededError,
)
from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import AuditService
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import FieldError


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

    async def create(
        self, terms: KeyTerms, holder: KeyHolder, origin: Origin, services: Collection[str]
    ) -> tuple[ApiKey, str]:
        """The key's record and the key itself, which nobody can read again. `services`: what permits can be about."""
        _require_person(holder)
        _check(terms, holder, services)
        secret, prefix = new_key()
        async with self._database.unit_of_work() as work:
            key = await repository.add_key(
                work.session, user_id=holder.user_id, prefix=prefix, key_hash=hash_of(secret), terms=terms
            )
            await self._audit.add(work, _entry("api_key.created", key, holder, origin, _told(terms)))
            await work.commit()
        return key, secret

    async def change(
        self, key_id: UUID, changes: Mapping[str, Any], holder: KeyHolder, origin: Origin, services: Collection[str]
    ) -> ApiKey:
        """`changes` by the names of `KeyTerms`; what is not among them stays. Raises: ApiKeyNotFoundError."""
        _require_person(holder)
        async with self._database.unit_of_work() as work:
            key = await repository.find_live_key(work.session, key_id, user_id=holder.user_id)
            if key is None:
                raise _not_found(key_id)
            terms = replace(key.terms, **changes)
            _check(terms, holder, services)
            key = await repository.change_key(work.session, key_id, terms)
            await self._audit.add(work, _entry("api_key.changed", key, holder, origin, _told(terms)))
            await work.commit()
        return key

    async def rotate(self, key_id: UUID, grace: timedelta, holder: KeyHolder, origin: Origin) -> tuple[ApiKey, str]:
        """A new secret for the same key; the old one works for `grace` longer. Raises: ApiKeyNotFoundError."""
        _require_person(holder)
        async with self._database.unit_of_work() as work:
            found = await repository.find_live_key(work.session, key_id, user_id=holder.user_id)
            if found is None:
                raise _not_found(key_id)
            secret, _ = new_key(found.prefix)
            key = await repository.exchange_hash(work.session, key_id, hash_of(secret), grace)
            details = {"prefix": key.prefix, "grace_seconds": int(grace.total_seconds())}
            await self._audit.add(work, _entry("api_key.rotated", key, holder, origin, details))
            await work.commit()
        return key, secret

    async def list_page(self, user_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        async with self._database.unit_of_work() as work:
            return await repository.list_keys(work.session, user_id=user_id, limit=limit, before=before)

    async def list_page_of(self, user_id: UUID, *, limit: int, before: UUID | None) -> list[ApiKey]:
        """For an administrator. Raises: ApiKeyOwnerNotFoundError."""
        async with self._database.unit_of_work() as work:
            await _require_owner(work, user_id)
            return await repository.list_keys(work.session, user_id=user_id, limit=limit, before=before)

    async def revoke(self, key_id: UUID, holder: KeyHolder, origin: Origin) -> None:
        """One's own; an administrator anybody's. Raises: ApiKeyNotFoundError also for somebody else's key."""
        owner = None if "admin" in holder.roles else holder.user_id
        async with self._database.unit_of_work() as work:
            if not await repository.revoke_key(work.session, key_id, user_id=owner):
                raise _not_found(key_id)
            entry = Entry("api_key.revoked", True, origin, holder.actor, target=f"api_key:{key_id}")
            await self._audit.add(work, entry)
            await work.commit()

    async def revoke_all_of(self, user_id: UUID, actor: Actor, origin: Origin) -> int:
        """How many there were. Raises: ApiKeyOwnerNotFoundError."""
        async with self._database.unit_of_work() as work:
            await _require_owner(work, user_id)
            count = await repository.revoke_keys_of(work.session, user_id)
            entry = Entry("api_keys.revoked", True, origin, actor, target=f"user:{user_id}", details={"keys": count})
            await self._audit.add(work, entry)
            await work.commit()
        return count

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


async def _require_owner(work: UnitOfWork, user_id: UUID) -> None:
    if not await repository.owner_exists(work.session, user_id):
        raise ApiKeyOwnerNotFoundError(f"There is no user {user_id}; list the users to find the right id.")


def _require_person(holder: KeyHolder) -> None:
    if holder.actor.kind != "user" or holder.actor.acting_service is not None:
        raise PersonNeededError("A key cannot make or change keys; log in with your password.")


def _check(terms: KeyTerms, holder: KeyHolder, services: Collection[str]) -> None:
    if not terms.roles or terms.roles - holder.roles:
        raise ApiKeyRolesError(
            f"roles: choose from your own: {', '.join(sorted(holder.roles))}.",
            errors=[FieldError("not among your own roles", pointer="/roles")],
        )
    try:
        check_terms(terms, services, datetime.now(UTC))
    except BadTermsError as error:
        error_class = ApiKeyExpiryError if error.field == "expires_at" else ApiKeyTermsError
        raise error_class(
            f"{error.field}: {error.detail}.", errors=[FieldError(error.detail, pointer=f"/{error.field}")]
        ) from error


def _told(terms: KeyTerms) -> dict[str, Any]:
    """The terms as the audit trail keeps them."""
    return {
        "name": terms.name,
        "roles": sorted(terms.roles),
        "scopes": sorted(terms.permits) if terms.permits is not None else None,
        "scope": terms.scope.claim if terms.scope is not None else None,
        "requests_per_day": terms.requests_per_day,
        "expires_at": terms.expires_at.isoformat() if terms.expires_at is not None else None,
    }


def _entry(action: str, key: ApiKey, holder: KeyHolder, origin: Origin, details: Mapping[str, Any]) -> Entry:
    details = {"prefix": key.prefix, **details}
    return Entry(action, True, origin, holder.actor, target=f"api_key:{key.id}", details=details)


def _not_found(key_id: UUID) -> ApiKeyNotFoundError:
    return ApiKeyNotFoundError(f"You have no key {key_id}; list your keys to find the right id.")
