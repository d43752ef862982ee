"""Use cases of login: tokens given, renewed and taken back."""

import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import AuditService
from gateway.authentication import repository
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.domain import LOGIN_RULES, Device, Principal, RefreshClaims, Session, throttle_key
from gateway.authentication.errors import (
    InvalidClientError,
    InvalidCredentialsError,
    InvalidTokenError,
    LoginThrottledError,
    SessionNotFoundError,
)
from gateway.users.domain import User
from gateway.users.service.people import UserService
from shared.database.unit_of_work import Database, UnitOfWork


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str
    expires_in: int


@dataclass(frozen=True)
class TokenLives:
    """In seconds; a session ends for good after `session`, however often its tokens are renewed."""

    access: int
    refresh: int
    session: int


class AuthenticationService:
    def __init__(
        self, database: Database, tokens: Tokens, lives: TokenLives, users: UserService, audit: AuditService
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._lives = lives
        self._users = users
        self._audit = audit

    async def login(self, email: str, password: str, origin: Origin, user_agent: str | None = None) -> TokenPair:
        """Raises: InvalidCredentialsError; LoginThrottledError, for existing and unknown accounts alike."""
        account = email.strip().lower()
        charges = [(rule, throttle_key(rule, account, origin.address)) for rule in LOGIN_RULES]
        async with self._database.unit_of_work() as work:
            wait = await repository.charge_attempts(work.session, charges)
            if wait == 0:
                await work.commit()
        if wait:
            await self._audit.record(Entry("login.throttled", False, origin, target=_account(account)))
            raise LoginThrottledError(math.ceil(wait))
        user = await self._users.authenticate(email, password)
        if user is None:
            await self._audit.record(Entry("login.failed", False, origin, target=_account(account)))
            raise InvalidCredentialsError
        async with self._database.unit_of_work() as work:
            await repository.refund_attempts(work.session, charges)
            pair = await self._open_session(work, user, origin, user_agent)
            await work.commit()
        return pair

    async def open_session(self, user: User, origin: Origin, user_agent: str | None) -> TokenPair:
        """For a person whom somebody else has recognised."""
        async with self._database.unit_of_work() as work:
            pair = await self._open_session(work, user, origin, user_agent)
            await work.commit()
        return pair

    async def _open_session(self, work: UnitOfWork, user: User, origin: Origin, user_agent: str | None) -> TokenPair:
        session_id = await repository.add_session(
            work.session,
            user_id=user.id,
            device=Device.of(origin.address, user_agent),
            life=timedelta(seconds=self._lives.session),
        )
        token_id = await repository.add_refresh_token(work.session, session_id)
        actor = Actor("user", str(user.id), user.email)
        await self._audit.add(work, Entry("login.succeeded", True, origin, actor, target=f"session:{session_id}"))
        principal = Principal(str(user.id), "user", user.email, user.roles, str(session_id))
        return self._pair(principal, RefreshClaims(session_id, token_id))

    async def refresh(self, token: str, origin: Origin) -> TokenPair:
        """Every refresh token works once; a second use ends the session, also one at the same moment.

        There is no grace for two uses at once (RFC 9700, section 4.14.2, knows none): a client with several windows
        lets one of them renew. Raises: InvalidTokenError.
        """
        claims = self._tokens.read_refresh(token)
        async with self._database.unit_of_work() as work:
            used = await repository.use_refresh_token(work.session, claims.token_id, claims.session_id)
            if not used:
                if await repository.revoke_session(work.session, claims.session_id, "refresh token used twice"):
                    entry = Entry("session.refresh_reused", False, origin, target=f"session:{claims.session_id}")
                    await self._audit.add(work, entry)
                await work.commit()
                raise InvalidTokenError
            found = await repository.find_open_session(work.session, claims.session_id)
            if found is None:
                raise InvalidTokenError
            token_id = await repository.add_refresh_token(work.session, claims.session_id)
            await repository.touch_session(work.session, claims.session_id)
            await work.commit()
        return self._pair(found.principal, RefreshClaims(claims.session_id, token_id))

    async def logout(self, actor: Actor, session: UUID, origin: Origin, *, everywhere: bool) -> None:
        async with self._database.unit_of_work() as work:
            if everywhere:
                await repository.revoke_all_sessions(work.session, UUID(actor.id), "logout everywhere")
            else:
                await repository.revoke_session(work.session, session, "logout")
            entry = Entry("logout", True, origin, actor, f"session:{session}", {"everywhere": everywhere})
            await self._audit.add(work, entry)
            await work.commit()

    async def list_page(self, user_id: UUID, *, limit: int, before: UUID | None) -> list[Session]:
        async with self._database.unit_of_work() as work:
            return await repository.list_open_sessions(work.session, user_id, limit=limit, before=before)

    async def end(self, actor: Actor, session: UUID, origin: Origin) -> None:
        """One of one's own. Raises: SessionNotFoundError, also for somebody else's."""
        async with self._database.unit_of_work() as work:
            if not await repository.revoke_session(work.session, session, "ended by its owner", user_id=UUID(actor.id)):
                raise SessionNotFoundError(f"You have no session {session}; GET /api/v1/auth/sessions lists yours.")
            await self._audit.add(work, Entry("session.ended", True, origin, actor, target=f"session:{session}"))
            await work.commit()

    def _pair(self, principal: Principal, claims: RefreshClaims) -> TokenPair:
        return TokenPair(
            access=self._tokens.access(principal, self._lives.access),
            refresh=self._tokens.refresh(claims, self._lives.refresh),
            expires_in=self._lives.access,
        )


class ServiceCredentials:
    """Tokens for the platform's own services; `clients` maps client ids to their secrets."""

    def __init__(
        self, clients: Mapping[str, SecretStr], tokens: Tokens, access_seconds: int, audit: AuditService
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._access_seconds = access_seconds
        self._audit = audit

    async def token(self, client_id: str, client_secret: str, origin: Origin) -> tuple[str, int]:
        """The token and its life in seconds. Raises: InvalidClientError."""
        known = self._clients.get(client_id)
        expected = known.get_secret_value() if known is not None else ""
        matches = hmac.compare_digest(_digest(expected), _digest(client_secret))
        if not (matches and expected):
            await self._audit.record(Entry("service_token.refused", False, origin, target=f"client:{client_id[:64]}"))
            raise InvalidClientError
        return self._tokens.access(service_principal(client_id), self._access_seconds), self._access_seconds


def service_principal(client_id: str) -> Principal:
    return Principal(client_id, "service", client_id, frozenset({"service"}), "")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _account(account: str) -> str | None:
    """Only what looks like an address: people type passwords into the wrong field."""
    return f"email:{account[:254]}" if "@" in account else None
