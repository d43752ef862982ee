"""A gateway to attack: one process for the whole suite, recorded services behind it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jwt import PyJWK
from tests.attack.house import House, private_house
from tests.attack.recorder import Recorder, recording
from tests.attack.runner import Attack
from tests.attack.wire import Address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "attack" in item.path.parts:
            # Floods, restarts and whole platforms take turns: they would starve each other.
            item.add_marker(pytest.mark.xdist_group("whole machine"))


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="session")
def house(
    recorder: Recorder, postgres_templates: Any, valkey_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with private_house(recorder, postgres_templates, valkey_server.url, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="session")
def attacked(house: House, recorder: Recorder) -> dict[str, Any]:
    """The gateway's address, a buyer's token, and whom the services may hear of."""
    gateway = house.started()
    token = house.token(gateway, "buyer")
    introduce(recorder, gateway.url, token)
    return {"url": gateway.url, "token": token, "process": gateway}


def introduce(recorder: Recorder, url: str, token: str) -> None:
    """Tells the services whose requests may come and which keys sign."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        keys = client.get("/.well-known/jwks.json").json()["keys"]
        me = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).json()
    recorder.keys = {key["kid"]: PyJWK(key).key for key in keys}
    recorder.subject, recorder.roles = me["subject"], frozenset(me["roles"])


@pytest.fixture
def attack(attacked: dict[str, Any], recorder: Recorder) -> Attack:
    recorder.seen.clear()
    return Attack(Address.of(attacked["url"]), attacked["token"], recorder, quiet=0.02)
