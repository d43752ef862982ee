"""Use cases of users."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.access.domain import AccessScope
from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import AuditService
from gateway.users import repository
from gateway.users.adapters.passwords import Passwords
from gateway.users.domain import OneTimeToken, Purpose, User, checked_email, checked_roles, checked_scope, new_token
from gateway.users.errors import LastAdministratorError
from gateway.users.repository import UserRecord
from gateway.users.service.rules import check_password, checked
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import UnauthenticatedError
from shared.observability.logging import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True)
class NewUser:
    """Without a password the user is invited to choose one."""

    email: str
    name: str
    password: str | None
    roles: frozenset[str]
    scope: AccessScope | None = None


@dataclass(frozen=True)
class UserChanges:
    """What is None stays as it is; a scope that limits nothing lifts all limits."""

    name: str | None = None
    roles: frozenset[str] | None = None
    scope: AccessScope | None = None
    active: bool | None = None
    password: str | None = None


class UserService:
    def __init__(self, database: Database, passwords: Passwords, audit: AuditService) -> None:
        self._database = database
        self._passwords = passwords
        self._audit = audit

    async def create(self, new: NewUser, actor: Actor, origin: Origin) -> tuple[User, OneTimeToken | None]:
        """With the invitation when the user has no password yet; nobody can read it again."""
        email, roles = checked(lambda: (checked_email(new.email), checked_roles(new.roles)))
        scope = checked(lambda: checked_scope(new.scope, roles))
        password_hash = None
        if new.password is not None:
            await check_password(new.password, email, new.name)
            password_hash = await self._passwords.hash(new.password)
        invitation = None
        async with self._database.unit_of_work() as work:
            user = await repository.add_user(work.session, UserRecord(email, new.name, roles, scope, password_hash))
            if password_hash is None:
                token = new_token()
                expires_at = await repository.put_token(work.session, user.id, Purpose.INVITATION, token)
                invitation = OneTimeToken(Purpose.INVITATION, token, expires_at)
            details = {
                "email": email,
                "roles": sorted(roles),
                "scope": scope.claim if scope is not None else None,
                "invited": invitation is not None,
            }
            await self._audit.add(
                work, Entry("user.created", True, origin, actor, target=f"user:{user.id}", details=details)
            )
            await work.commit()
        return user, invitation

    async def provision(self, email: str, name: str, roles: frozenset[str], actor: Actor, origin: Origin) -> User:
        """Somebody whom an identity provider has recognised: without a password, and none can be chosen."""
        email, roles = checked(lambda: (checked_email(email), checked_roles(roles)))
        async with self._database.unit_of_work() as work:
            user = await repository.add_user(work.session, UserRecord(email, name, roles))
            details = {"email": email, "roles": sorted(roles)}
            await self._audit.add(
                work, Entry("user.created", True, origin, actor, target=f"user:{user.id}", details=details)
            )
            await work.commit()
        return user

    async def create_first_administrator(self, email: str, password: str) -> bool:
        """Only when there is no user at all; False when there is. Raises: InvalidUserError."""
        email = checked(lambda: checked_email(email))
        await check_password(password, email, "")
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            if not await repository.is_empty(work.session):
                return False
            record = UserRecord(email, "Administrator", frozenset({"admin"}), None, password_hash)
            user = await repository.add_user(work.session, record)
            await self._audit.add(
                work,
                Entry("user.created", True, Origin("startup", None), target=f"user:{user.id}", details={"first": True}),
            )
            await work.commit()
        _log.info("first_administrator_created", email=email)
        return True

    async def get(self, user_id: UUID) -> User:
        async with self._database.unit_of_work() as work:
            return await repository.get_user(work.session, user_id)

    async def find_by_email(self, email: str) -> User | None:
        email = checked(lambda: checked_email(email))
        async with self._database.unit_of_work() as work:
            return await repository.find_by_email(work.session, email)

    async def list_page(self, *, limit: int, before: UUID | None) -> list[User]:
        async with self._database.unit_of_work() as work:
            return await repository.list_users(work.session, limit=limit, before=before)

    async def update(self, user_id: UUID, changes: UserChanges, actor: Actor, origin: Origin) -> User:
        """A new password, and being deactivated, end the user's sessions and use up their one-time tokens."""
        password_hash = None
        if changes.password is not None:
            user = await self.get(user_id)
            await check_password(changes.password, user.email, changes.name or user.name)
            password_hash = await self._passwords.hash(changes.password)
        async with self._database.unit_of_work() as work:
            user = await repository.get_user(work.session, user_id, lock=True)
            values = _values(user, changes, password_hash)
            await self._keep_an_administrator(work, user, values)
            end_sessions = "password_hash" in values or values.get("active") is False
            await repository.update_user(work.session, user_id, values, end_sessions=end_sessions)
            if end_sessions:
                await repository.remove_tokens(work.session, user_id)
            details = {name: value for name, value in values.items() if name != "password_hash"}
            details["password_changed"] = "password_hash" in values
            await self._audit.add(
                work, Entry("user.changed", True, origin, actor, target=f"user:{user_id}", details=details)
            )
            await work.commit()
        return await self.get(user_id)

    async def change_own_password(self, email: str, current: str, new: str, actor: Actor, origin: Origin) -> None:
        """Raises: UnauthenticatedError when the current password is wrong."""
        user = await self.authenticate(email, current)
        if user is None:
            await self._audit.record(Entry("password.changed", False, origin, actor))
            raise UnauthenticatedError("The current password is not right; nothing was changed.")
        await check_password(new, user.email, user.name, field="new_password")
        await self.update(user.id, UserChanges(password=new), actor, origin)

    async def authenticate(self, email: str, password: str) -> User | None:
        """None for a wrong password, an unknown or a deactivated user alike, after equally much work."""
        async with self._database.unit_of_work() as work:
            found = await repository.find_with_hash(work.session, email.strip().lower())
        user, password_hash = found if found is not None else (None, None)
        right = await self._passwords.verify(password_hash, password)
        if user is None or password_hash is None or not right or not user.active:
            return None
        if self._passwords.is_outdated(password_hash):
            await self._rehash(user, password_hash, password)
        return user

    async def _rehash(self, user: User, outdated: str, password: str) -> None:
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            await repository.replace_hash(work.session, user.id, outdated, password_hash)
            await work.commit()

    async def _keep_an_administrator(self, work: UnitOfWork, user: User, values: Mapping[str, Any]) -> None:
        was = user.active and "admin" in user.roles
        stays = values.get("active", user.active) and "admin" in values.get("roles", user.roles)
        if was and not stays and not await repository.has_other_administrator(work.session, user.id):
            raise LastAdministratorError(f"{user.email} is the only active administrator; make another one first.")


def _values(user: User, changes: UserChanges, password_hash: str | None) -> dict[str, Any]:
    """By column name; checked together, since an administrator cannot be limited."""
    roles = user.roles if changes.roles is None else changes.roles
    scope = user.scope if changes.scope is None else changes.scope
    values: dict[str, Any] = {}
    if changes.roles is not None:
        values["roles"] = sorted(checked(lambda: checked_roles(roles)))
    scope = checked(lambda: checked_scope(scope, roles))
    if changes.scope is not None:
        values["scope"] = scope.claim if scope is not None else None
    given = {"name": changes.name, "active": changes.active, "password_hash": password_hash}
    return values | {name: value for name, value in given.items() if value is not None}
