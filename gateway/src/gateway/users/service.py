"""Use cases of users."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from gateway.audit.domain import Actor, Entry, Origin
from gateway.audit.service import AuditService
from gateway.users import repository
from gateway.users.adapters import Passwords
from gateway.users.domain import BadValueError, User, checked_email, checked_password, checked_roles
from gateway.users.errors import InvalidUserError, LastAdministratorError
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import FieldError, UnauthenticatedError
from shared.observability.logging import get_logger

_log = get_logger(__name__)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class NewUser:
    email: str
    name: str
    password: str
    roles: frozenset[str]


@dataclass(frozen=True)
class UserChanges:
    """What is None stays as it is."""

    name: str | None = None
    roles: frozenset[str] | None = None
    active: bool | None = None
    password: str | None = None


class UserService:
    def __init__(self, database: Database, passwords: Passwords, audit: AuditService) -> None:
        self._database = database
        self._passwords = passwords
        self._audit = audit

    async def create(self, new: NewUser, actor: Actor, origin: Origin) -> User:
        email, roles = _checked(lambda: (checked_email(new.email), checked_roles(new.roles)))
        _checked(lambda: checked_password(new.password, email))
        password_hash = await self._passwords.hash(new.password)
        async with self._database.unit_of_work() as work:
            user = await repository.add_user(
                work.session, email=email, name=new.name, password_hash=password_hash, roles=roles
            )
            details = {"email": email, "roles": sorted(roles)}
            await self._audit.add(
                work, Entry("user.created", True, origin, actor, target=f"user:{user.id}", details=details)
            )
            await work.commit()
        return user

    async def create_first_administrator(self, email: str, password: str) -> bool:
        """Only when there is no user at all; False when there is. Raises: InvalidUserError."""
        email = _checked(lambda: checked_email(email))
        _checked(lambda: checked_password(password, email))
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            if not await repository.is_empty(work.session):
                return False
            user = await repository.add_user(
                work.session,
                email=email,
                name="Administrator",
                password_hash=password_hash,
                roles=frozenset({"admin"}),
            )
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

    async def list_page(self, *, limit: int, before: UUID | None) -> list[User]:
        async with self._database.unit_of_work() as work:
            return await repository.list_users(work.session, limit=limit, before=before)

    async def update(self, user_id: UUID, changes: UserChanges, actor: Actor, origin: Origin) -> User:
        """A new password, and being deactivated, end the user's sessions."""
        before = await self.get(user_id)
        values = await self._values(before, changes)
        async with self._database.unit_of_work() as work:
            await self._keep_an_administrator(work, before, values)
            end_sessions = "password_hash" in values or values.get("active") is False
            await repository.update_user(work.session, user_id, values, end_sessions=end_sessions)
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
            await self._rehash(user, password)
        return user

    async def _rehash(self, user: User, password: str) -> None:
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            await repository.update_user(work.session, user.id, {"password_hash": password_hash})
            await work.commit()

    async def _values(self, user: User, changes: UserChanges) -> Mapping[str, Any]:
        values: dict[str, Any] = {}
        if changes.name is not None:
            values["name"] = changes.name
        if changes.roles is not None:
            roles = changes.roles
            values["roles"] = sorted(_checked(lambda: checked_roles(roles)))
        if changes.active is not None:
            values["active"] = changes.active
        if changes.password is not None:
            password = changes.password
            _checked(lambda: checked_password(password, user.email))
            values["password_hash"] = await self._passwords.hash(password)
        return values

    async def _keep_an_administrator(self, work: UnitOfWork, user: User, values: Mapping[str, Any]) -> None:
        was = user.active and "admin" in user.roles
        stays = values.get("active", user.active) and "admin" in values.get("roles", user.roles)
        if was and not stays and not await repository.has_other_administrator(work.session, user.id):
            raise LastAdministratorError(f"{user.email} is the only active administrator; make another one first.")


def _checked(rule: Callable[[], ResultT]) -> ResultT:
    """Runs a domain rule; a broken one becomes the error callers see."""
    try:
        return rule()
    except BadValueError as error:
        raise InvalidUserError(
            f"{error.field}: {error.detail}", errors=[FieldError(error.detail, pointer=f"/{error.field}")]
        ) from error
