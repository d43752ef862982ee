"""Signing keys exchanged under a running gateway."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.web.identity import GatewayKeys, Identity, IdentityVerifier

CHECK = 0.1


def pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.pem"
    path.write_bytes(pem())
    return path


@pytest.fixture
def rotating(start_gateway: Any, key_file: Path) -> Any:
    gateway = start_gateway(signing_key_file=key_file, signing_key_check_seconds=CHECK)
    yield gateway
    gateway.stop()


@pytest.fixture
def service(rotating: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Identity]]:
    """What a service makes of an identity token; the ten seconds between two fetches of the keys have always passed."""
    monkeypatch.setattr("shared.web.identity._REFRESH_SECONDS", 0.0)
    with asyncio.Runner() as runner:
        verifier = IdentityVerifier(GatewayKeys(rotating.url), "data")
        yield lambda token: runner.run(verifier.verify(token))
        runner.run(verifier.close())


def published(gateway: Any) -> list[str]:
    with gateway.client() as client:
        answer = client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=60"
    return [key["kid"] for key in answer.json()["keys"]]


def access(gateway: Any) -> str:
    return gateway.login("admin@example.com", "correct horse battery").json()["access_token"]


def kid(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def me(gateway: Any, token: str) -> int:
    with gateway.client(Authorization=f"Bearer {token}") as client:
        return client.get("/api/v1/auth/me").status_code


def identity(gateway: Any, token: str) -> str:
    with gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/data/sales").status_code == 200
    return dict(gateway.echo.last()["headers"])["x-identity-token"]


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_rotation_under_a_running_gateway_refuses_nobody_until_the_old_key_goes(
    rotating: Any, key_file: Path, fresh_echo: Any, service: Callable[[str], Identity]
) -> None:
    old_pem, new_pem = key_file.read_bytes(), pem()
    old = rotating.login("admin@example.com", "correct horse battery").json()
    old_kid = kid(old["access_token"])
    known_to_service = identity(rotating, old["access_token"])
    assert service(known_to_service).name == "admin@example.com"

    key_file.write_bytes(new_pem + old_pem)
    eventually(lambda: len(published(rotating)) == 2)
    assert old_kid in published(rotating)
    eventually(lambda: kid(access(rotating)) != old_kid)
    new = access(rotating)
    assert me(rotating, old["access_token"]) == me(rotating, new) == 200
    for token in (new, old["access_token"]):
        by_new_key = identity(rotating, token)
        assert kid(by_new_key) == kid(new)
        assert service(by_new_key).roles == {"admin"}
    assert service(known_to_service).name == "admin@example.com"

    key_file.write_bytes(new_pem)
    eventually(lambda: published(rotating) == [kid(new)])
    assert me(rotating, old["access_token"]) == 401
    assert me(rotating, new) == 200
    assert service(identity(rotating, new)).roles == {"admin"}
    with rotating.client() as client:
        refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": old["refresh_token"]})
    assert (refreshed.status_code, refreshed.json()["code"]) == (401, "invalid_token")


def test_a_broken_key_file_changes_nothing_until_it_is_whole_again(rotating: Any, key_file: Path) -> None:
    token, good = access(rotating), key_file.read_bytes()
    before = published(rotating)
    for content in (b"", b"nonsense", good[: len(good) // 2]):
        key_file.write_bytes(content)
        time.sleep(4 * CHECK)
        assert published(rotating) == before
        assert me(rotating, token) == me(rotating, access(rotating)) == 200
    key_file.unlink()
    time.sleep(4 * CHECK)
    assert me(rotating, token) == 200
    key_file.write_bytes(pem() + good)
    eventually(lambda: len(published(rotating)) == 2)
    assert me(rotating, token) == 200


def test_a_token_remembered_as_good_is_refused_once_its_key_is_gone(rotating: Any, key_file: Path) -> None:
    token = access(rotating)
    for _ in range(3):
        assert me(rotating, token) == 200
    key_file.write_bytes(pem())
    eventually(lambda: me(rotating, token) == 401)
