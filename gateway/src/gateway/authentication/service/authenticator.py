"""Recognises the caller of every request: from memory when it can, with the database at most every few seconds."""

import time
from collections.abc import Collection
from uuid import UUID

from gateway.api_keys.domain import KeyOwner, looks_like_key
from gateway.api_keys.service import ApiKeyService
from gateway.authentication import repository
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.domain import AccessClaims, Principal, audience_of_client
from gateway.authentication.errors import ActingForRefusedError, InvalidTokenError
from gateway.authentication.service.freshness import FreshCache, Unknown
from gateway.authentication.service.sessions import service_principal
from shared.database.unit_of_work import Database

_REMEMBERED = 20_000
_IDENTITY_REUSE_SECONDS = 30.0
_BEARER = b"bearer "


class Authenticator:
    def __init__(
        self, database: Database, tokens: Tokens, api_keys: ApiKeyService, service_clients: Collection[str]
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._api_keys = api_keys
        self._service_clients = frozenset(service_clients)
        self._verified: dict[tuple[str, bytes], AccessClaims] = {}
        self._sessions: FreshCache[str, Principal | None] = FreshCache(self._load_session)
        self._keys: FreshCache[str, Principal | None] = FreshCache(self._load_key)
        self._keys_by_id: FreshCache[str, Principal | None] = FreshCache(self._load_key_by_id)
        self._identity_tokens: dict[tuple[str, str], tuple[float, bytes]] = {}

    def peek(self, authorization: bytes | None, api_key: bytes | None, acting_for: bytes | None) -> Principal | None:
        """The caller when memory alone can tell, without waiting."""
        if acting_for is not None or (authorization is None) == (api_key is None):
            return None
        if api_key is not None:
            known = self._keys.peek(api_key.decode("latin-1"))
            return None if isinstance(known, Unknown) else known
        if authorization is None:
            return None
        claims = self._verified.get(("", authorization))
        if claims is None or claims.expires_at <= time.time() or claims.kind != "user":
            return None
        found = self._sessions.peek(claims.session)
        return None if isinstance(found, Unknown) else found

    async def authenticate(
        self, authorization: bytes | None, api_key: bytes | None, acting_for: bytes | None
    ) -> Principal | None:
        """None when the request carries no credentials.

        Raises:
            InvalidTokenError: the credentials are wrong, whatever is wrong with them.
            ActingForRefusedError: X-Acting-For without being a service.
            SessionCheckError: the store is away; nobody is let in on an old answer.
        """
        with repository.failing_closed():
            principal = await self._caller(authorization, api_key)
            if acting_for is None:
                return principal
            return await self._acted_for(principal, acting_for)

    async def _caller(self, authorization: bytes | None, api_key: bytes | None) -> Principal | None:
        if authorization is not None and api_key is not None:
            raise InvalidTokenError
        if api_key is not None:
            text = api_key.decode("latin-1")
            return _required(await self._keys.get(text) if looks_like_key(text) else None)
        if authorization is None:
            return None
        return await self._principal(self._claims("", authorization, well_formed=authorization[:7].lower() == _BEARER))

    async def _principal(self, claims: AccessClaims) -> Principal:
        """As of now: roles come from the store, not from the token. Raises: InvalidTokenError."""
        if claims.kind == "service":
            return _required(service_principal(claims.subject) if claims.subject in self._service_clients else None)
        known = self._sessions if claims.kind == "user" else self._keys_by_id
        return _required(await known.get(claims.session))

    async def _acted_for(self, caller: Principal | None, token: bytes) -> Principal:
        if caller is None or caller.kind != "service":
            raise ActingForRefusedError("Only a service may send X-Acting-For; leave the header out.")
        claims = self._claims(audience_of_client(caller.subject), token, well_formed=True)
        return (await self._principal(claims)).acted_by(caller.subject)

    def _claims(self, audience: str, credential: bytes, *, well_formed: bool) -> AccessClaims:
        """`audience` of an identity token, empty for an access token; a signature is verified once."""
        known = self._verified.get((audience, credential))
        if known is not None and known.expires_at > time.time():
            return known
        if not well_formed:
            raise InvalidTokenError
        text = credential.decode("latin-1")
        claims = self._tokens.read_identity(text, audience) if audience else self._tokens.read_access(text[7:].strip())
        if len(self._verified) >= _REMEMBERED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[audience, credential] = claims
        return claims

    def identity_token(self, principal: Principal, audience: str) -> bytes:
        """Signed for one service, used again for half of its life."""
        key = (principal.key, audience)
        known = self._identity_tokens.get(key)
        now = time.monotonic()
        if known is not None and known[0] > now:
            return known[1]
        if len(self._identity_tokens) >= _REMEMBERED:
            self._identity_tokens.pop(next(iter(self._identity_tokens)))
        token = self._tokens.identity(principal, audience).encode("ascii")
        self._identity_tokens[key] = (now + _IDENTITY_REUSE_SECONDS, token)
        return token

    def forget_signatures(self) -> None:
        """After the keys changed: what an old key signed is verified again, and nothing it signed is given out."""
        self._verified.clear()
        self._identity_tokens.clear()

    async def _load_session(self, session: str) -> Principal | None:
        async with self._database.unit_of_work() as work:
            found = await repository.find_open_session(work.session, UUID(session))
            if found is not None and await repository.touch_session(work.session, found.session_id):
                await work.commit()
        return found.principal if found is not None else None

    async def _load_key(self, key: str) -> Principal | None:
        return _of_key(await self._api_keys.find_by_key(key))

    async def _load_key_by_id(self, key_id: str) -> Principal | None:
        return _of_key(await self._api_keys.find_by_id(UUID(key_id)))


def _of_key(owner: KeyOwner | None) -> Principal | None:
    if owner is None:
        return None
    key = owner.key
    return Principal(
        str(key.user_id),
        "api_key",
        f"{owner.owner_email} ({key.prefix})",
        owner.roles,
        str(key.id),
        scope=owner.scope,
        permits=key.terms.permits,
        daily_quota=key.terms.requests_per_day,
    )


def _required(principal: Principal | None) -> Principal:
    if principal is None:
        raise InvalidTokenError
    return principal
