"""Logging in with an identity provider: who comes back with its word gets a session of ours."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import AuditService
from gateway.authentication import repository
from gateway.authentication.adapters.oidc import Provider
from gateway.authentication.domain import ExternalPerson, PendingLogin
from gateway.authentication.errors import OidcRefusedError, OidcStateError
from gateway.authentication.service.sessions import AuthenticationService, TokenPair
from gateway.users.domain import User, token_hash
from gateway.users.service.people import UserChanges, UserService
from shared.database.unit_of_work import Database


@dataclass(frozen=True)
class Answer:
    """What the browser brought back from the provider."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None


class ExternalLoginService:
    """`roles` maps the groups the provider tells to our roles."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        roles: Mapping[str, frozenset[str]],
        users: UserService,
        sessions: AuthenticationService,
        audit: AuditService,
    ) -> None:
        self._database = database
        self._provider = provider
        self._roles = roles
        self._users = users
        self._sessions = sessions
        self._audit = audit

    async def begin(self, binding: str | None) -> str:
        """Where the browser goes. `binding` comes back with the tokens. Raises: OidcUnavailableError."""
        state = secrets.token_urlsafe(32)
        pending = PendingLogin(secrets.token_urlsafe(32), secrets.token_urlsafe(48), binding)
        url = await self._provider.authorization_url(pending, state)
        async with self._database.unit_of_work() as work:
            await repository.add_pending_login(work.session, token_hash(state), pending)
            await work.commit()
        return url

    async def complete(self, answer: Answer, origin: Origin, user_agent: str | None) -> tuple[TokenPair, str | None]:
        """The tokens and the binding. Raises: OidcStateError, OidcRefusedError, OidcUnavailableError."""
        async with self._database.unit_of_work() as work:
            pending = await repository.take_pending_login(work.session, token_hash(answer.state))
            await work.commit()
        try:
            if pending is None:
                raise OidcStateError
            if answer.code is None:
                raise OidcRefusedError("the provider did not let you in")
            person = await self._provider.person(answer.code, answer.issuer, pending)
            user = await self._user_of(person, origin)
        except (OidcStateError, OidcRefusedError) as error:
            details = {"reason": error.detail, "provider_error": (answer.error or "")[:100]}
            await self._audit.record(Entry("login.failed", False, origin, details=details))
            raise
        return await self._sessions.open_session(user, origin, user_agent), pending.binding

    async def _user_of(self, person: ExternalPerson, origin: Origin) -> User:
        async with self._database.unit_of_work() as work:
            link = await repository.find_external_identity(work.session, self._provider.issuer, person.subject)
        if link is None:
            user = await self._link(person, origin)
        else:
            user = await self._users.get(link.user_id)
            if link.roles_from_issuer and user.active:
                user = await self._follow_roles(user, person, origin)
        if not user.active:
            raise OidcRefusedError("the account here is closed")
        return user

    async def _link(self, person: ExternalPerson, origin: Origin) -> User:
        """With the user who has this address, else with a new one, if the provider's groups make them one of us."""
        user = await self._users.find_by_email(person.email)
        provisioned = user is None
        if user is None:
            user = await self._users.provision(person.email, person.name, self._roles_of(person), self._actor(), origin)
        if not user.active:
            return user
        async with self._database.unit_of_work() as work:
            if not await repository.add_external_identity(
                work.session, self._provider.issuer, person.subject, user.id, roles_from_issuer=provisioned
            ):
                raise OidcRefusedError("the address belongs to another account of the provider")
            details = {"issuer": self._provider.issuer, "subject": person.subject, "provisioned": provisioned}
            entry = Entry("external_identity.linked", True, origin, self._actor(), f"user:{user.id}", details)
            await self._audit.add(work, entry)
            await work.commit()
        return user

    async def _follow_roles(self, user: User, person: ExternalPerson, origin: Origin) -> User:
        roles = self._roles_of(person)
        if roles == user.roles:
            return user
        return await self._users.update(user.id, UserChanges(roles=roles), self._actor(), origin)

    def _roles_of(self, person: ExternalPerson) -> frozenset[str]:
        roles = frozenset[str]().union(*(self._roles.get(group, frozenset()) for group in person.groups))
        if not roles:
            raise OidcRefusedError("none of your groups has a role here; ask an administrator")
        return roles

    def _actor(self) -> Actor:
        return Actor("identity_provider", self._provider.issuer, self._provider.issuer)
