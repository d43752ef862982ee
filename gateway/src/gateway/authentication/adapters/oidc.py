"""The client of one OpenID Connect provider: where to send people, and what the provider says about who came back.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636 (PKCE); RFC 9207 (issuer in the answer).
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import jwt

from gateway.authentication.adapters.guarded_http import GuardedTransport, UnsafeAnswerError
from gateway.authentication.domain import ExternalPerson, PendingLogin
from gateway.authentication.errors import OidcRefusedError, OidcUnavailableError
from shared.observability.logging import get_logger

# Asymmetric only: with a shared secret among them, a public key could be taken for one.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEPT_SECONDS = 600.0
_KEYS_AGAIN_SECONDS = 10.0
_TIMEOUT_SECONDS = 5.0
_TOTAL_SECONDS = 10.0
_LEEWAY_SECONDS = 30
_MAX_TOKEN_CHARACTERS = 32_768
_SCOPES = "openid email profile"
_log = get_logger(__name__)


@dataclass(frozen=True)
class ProviderSettings:
    """`issuer` exactly as the provider writes it; `roles_claim` is the claim that `roles` are derived from."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str
    roles_claim: str
    require_https: bool


class Provider:
    """`documents` keeps the provider's metadata and keys between requests."""

    def __init__(self, settings: ProviderSettings, documents: MutableMapping[str, Any]) -> None:
        self._settings = settings
        self._documents = documents

    @property
    def issuer(self) -> str:
        return self._settings.issuer

    async def authorization_url(self, pending: PendingLogin, state: str) -> str:
        """Where the browser goes. Raises: OidcUnavailableError."""
        metadata = await self._metadata()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.code_verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_url,
            "scope": _SCOPES,
            "state": state,
            "nonce": pending.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        place: str = metadata["authorization_endpoint"]
        return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"

    async def person(self, code: str, answered_issuer: str | None, pending: PendingLogin) -> ExternalPerson:
        """Who came back with the code. Raises: OidcRefusedError, OidcUnavailableError."""
        metadata = await self._metadata()
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if answered_issuer != self.issuer and (answered_issuer is not None or promised):
            raise OidcRefusedError("the answer is from another provider")
        tokens = await self._tokens(metadata, code, pending)
        claims = await self._verified(str(tokens.get("id_token", "")), metadata, pending.nonce)
        if "email" not in claims and "userinfo_endpoint" in metadata:
            told = await self._answer("GET", metadata["userinfo_endpoint"], bearer=str(tokens.get("access_token", "")))
            if told.get("sub") != claims["sub"]:
                raise OidcRefusedError("the provider told about somebody else")
            claims = {**told, **claims}
        return _person(claims, self._settings.roles_claim)

    async def _tokens(self, metadata: Mapping[str, Any], code: str, pending: PendingLogin) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_url,
            "code_verifier": pending.code_verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            # RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
            basic = httpx.BasicAuth(quote_plus(self._settings.client_id), quote_plus(self._settings.client_secret))
            return await self._answer("POST", metadata["token_endpoint"], form=form, auth=basic)
        form |= {"client_id": self._settings.client_id, "client_secret": self._settings.client_secret}
        return await self._answer("POST", metadata["token_endpoint"], form=form)

    async def _verified(self, token: str, metadata: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of an ID token that is meant for us, now and for this login. Raises: OidcRefusedError."""
        try:
            header = jwt.get_unverified_header(token[:_MAX_TOKEN_CHARACTERS])
            if header.get("alg") not in _ALGORITHMS or "crit" in header:
                raise OidcRefusedError("the ID token is not signed as it has to be")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(metadata, header),
                algorithms=[header["alg"]],
                audience=self._settings.client_id,
                issuer=self.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise OidcRefusedError("the ID token is not valid") from error
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise OidcRefusedError("the ID token belongs to another login")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._settings.client_id:
            raise OidcRefusedError("the ID token was made for another application")
        return claims

    async def _key(self, metadata: Mapping[str, Any], header: Mapping[str, Any]) -> Any:
        """The key the token names; fetched again when it is not known, at most once in ten seconds."""
        for kept in (_KEPT_SECONDS, _KEYS_AGAIN_SECONDS):
            document = await self._document(metadata["jwks_uri"], kept)
            keys = [key for key in document.get("keys", []) if isinstance(key, dict) and key.get("use") != "enc"]
            keys = [key for key in keys if key.get("alg", header["alg"]) == header["alg"]]
            if "kid" in header:
                keys = [key for key in keys if key.get("kid") == header["kid"]]
            if len(keys) == 1:
                return jwt.PyJWK(keys[0], algorithm=header["alg"]).key
        raise OidcRefusedError("the provider does not publish the key of the ID token")

    async def _metadata(self) -> Mapping[str, Any]:
        place = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._document(place, _KEPT_SECONDS)
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if document.get("issuer") != self.issuer or not all(isinstance(document.get(name), str) for name in needed):
            self._documents.pop(place, None)
            raise OidcUnavailableError
        return document

    async def _document(self, url: str, kept_seconds: float) -> Mapping[str, Any]:
        known = self._documents.get(url)
        if known is not None and time.monotonic() - known[0] < kept_seconds:
            return known[1]  # type: ignore[no-any-return]
        document = await self._answer("GET", url)
        self._documents[url] = (time.monotonic(), document)
        return document

    async def _answer(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        bearer: str | None = None,
    ) -> Mapping[str, Any]:
        """The JSON object at `url`. Raises: OidcUnavailableError; OidcRefusedError when what was sent is not taken."""
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        transport = GuardedTransport(require_https=self._settings.require_https)
        try:
            async with (
                httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_SECONDS, trust_env=False) as client,
                asyncio.timeout(_TOTAL_SECONDS),
            ):
                response = await client.request(method, url, data=form, auth=auth, headers=headers)
            if form is not None and response.status_code in {400, 401, 403}:
                raise OidcRefusedError("the provider does not take the code")
            response.raise_for_status()
            document = response.json()
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            UnsafeAnswerError,
            ValueError,
            TimeoutError,
            RecursionError,
        ) as error:
            _log.warning("oidc_provider_failed", url=url.partition("?")[0], error=repr(error)[:300])
            raise OidcUnavailableError from error
        if not isinstance(document, dict):
            raise OidcUnavailableError
        return document


def _person(claims: Mapping[str, Any], roles_claim: str) -> ExternalPerson:
    """Only a verified address counts: anybody can claim to have any other. Raises: OidcRefusedError."""
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise OidcRefusedError("the provider does not say who it is")
    if not isinstance(email, str) or claims.get("email_verified") not in (True, "true"):
        raise OidcRefusedError("the provider has not verified the e-mail address")
    name = claims.get("name")
    groups = claims.get(roles_claim, [])
    groups = groups if isinstance(groups, list) else [groups]
    return ExternalPerson(
        subject=subject,
        email=email,
        name=(name if isinstance(name, str) and name.isprintable() and name.strip() else email)[:200],
        groups=frozenset(group for group in groups if isinstance(group, str))
        if isinstance(groups, list)
        else frozenset(),
    )
