"""Tokens: what is signed is read back, and by nothing else; keys can be exchanged."""

import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.authentication.adapters.keys import KeyRing, SigningKeyError, key_id, load_signing_keys
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.domain import Principal, RefreshClaims, audience_of_client
from gateway.authentication.errors import InvalidTokenError
from gateway.resources import SigningKeys

SESSION = str(uuid4())
PERSON = Principal("u1", "user", "a@b", frozenset({"buyer"}), SESSION)
OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_an_access_token_is_read_back() -> None:
    tokens = Tokens(KeyRing(SigningKeys((NEW,))))
    claims = tokens.read_access(tokens.access(PERSON, 900))
    assert (claims.subject, claims.kind, claims.session) == ("u1", "user", SESSION)
    assert 890 < claims.expires_at - time.time() < 910


def test_the_three_kinds_never_pass_for_one_another() -> None:
    tokens = Tokens(KeyRing(SigningKeys((NEW,))))
    access, identity = tokens.access(PERSON, 900), tokens.identity(PERSON, "data")
    refresh = tokens.refresh(RefreshClaims(uuid4(), uuid4()), 900)
    for reader, others in (
        (tokens.read_access, (identity, refresh)),
        (tokens.read_refresh, (identity, access)),
        (lambda token: tokens.read_identity(token, "data"), (access, refresh)),
        (lambda token: tokens.read_identity(token, "storage"), (identity,)),
        (lambda token: tokens.read_identity(token, "procurement"), (access,)),
    ):
        for other in others:
            with pytest.raises(InvalidTokenError):
                reader(other)


def test_a_token_of_the_old_key_is_good_until_the_old_key_goes() -> None:
    token = Tokens(KeyRing(SigningKeys((OLD,)))).access(PERSON, 900)
    both = Tokens(KeyRing(SigningKeys((NEW, OLD))))
    assert both.read_access(token).subject == "u1"
    assert jwt.get_unverified_header(both.access(PERSON, 900))["kid"] == key_id(NEW.public_key())
    with pytest.raises(InvalidTokenError):
        Tokens(KeyRing(SigningKeys((NEW,)))).read_access(token)


def test_published_keys_hold_nothing_private() -> None:
    published = KeyRing(SigningKeys((NEW, OLD))).jwks()["keys"]
    assert [key["kid"] for key in published] == [key_id(NEW.public_key()), key_id(OLD.public_key())]
    assert all(set(key) == {"kty", "crv", "alg", "use", "kid", "x"} for key in published)


def test_keys_are_read_from_one_file_in_their_order(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "keys.pem"
    path.write_bytes(b"a comment\n" + pem(NEW) + pem(OLD))
    loaded = KeyRing(SigningKeys(load_signing_keys(path, required=True)))
    assert list(loaded.public_keys) == [key_id(NEW.public_key()), key_id(OLD.public_key())]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(generate_private_key(65537, 2048)),
    ],
)
def test_a_file_without_usable_keys_stops_the_start(content: bytes, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "keys.pem"
    path.write_bytes(content)
    with pytest.raises(SigningKeyError):
        load_signing_keys(path, required=False)


def test_production_does_not_start_with_a_temporary_key() -> None:
    with pytest.raises(SigningKeyError):
        load_signing_keys(None, required=True)
    assert len(load_signing_keys(None, required=False)) == 1


def test_two_principals_with_different_rights_have_different_keys() -> None:
    same = Principal("u1", "user", "renamed", frozenset({"buyer"}), SESSION)
    assert same.key == PERSON.key
    others = {
        PERSON.key,
        Principal("u1", "user", "a@b", frozenset({"buyer", "ops"}), SESSION).key,
        Principal("u1", "api_key", "a@b", frozenset({"buyer"}), SESSION).key,
        Principal("u1", "user", "a@b", frozenset({"buyer"}), "other").key,
        PERSON.acted_by("forecast").key,
    }
    assert len(others) == 5


def test_a_client_is_known_by_its_owner_name() -> None:
    assert [audience_of_client(name) for name in ("forecast", "forecast-service")] == ["forecast"] * 2
