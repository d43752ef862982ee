"""What is kept for one caller never reaches another, nor the same caller with other rights, and never outlives a change."""

import asyncio
import http.client
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest

from shared.events.data import ProductChangedV1
from shared.events.envelope import Envelope
from shared.messaging.connect import open_transport

PATH, INNER = "/api/v1/data/products", "/v1/products"
PASSWORD = "an unguessable sentence"
USERS, READS, THREADS = 50, 10_000, 8
UNKEYED = ({}, {"X-Forwarded-Host": "evil.example"}, {"X-User-Id": "1"}, {"X_Identity_Token": "x"}, {"Cookie": "a=1"})


def claims_of(record: dict[str, Any]) -> dict[str, Any]:
    token = dict(record["headers"])["x-identity-token"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@dataclass
class Company:
    """Who asks, and the version of the data with the time since when it is the current one."""

    subjects: list[str]
    tokens: list[str]
    version: int = 1
    changed_at: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def change(self) -> None:
        self.changed_at.append(time.monotonic())
        self.version += 1

    def oldest_allowed(self, asked_at: float) -> int:
        return max(version for version, since in enumerate(self.changed_at) if since <= asked_at - 1.0 or version < 2)


@pytest.fixture(scope="module")
def gateways(start_gateway: Any) -> list[Any]:
    return [start_gateway() for _ in range(3)]


@pytest.fixture(scope="module")
def company(gateways: list[Any]) -> Company:
    roles = ("manager", "buyer", "ops")

    def enter(number: int) -> tuple[str, str]:
        with gateways[0].client("admin") as client:
            email = f"user{number}@example.com"
            body = {"email": email, "name": "U", "password": PASSWORD, "roles": [roles[number % 3]]}
            subject = client.post("/api/v1/users", json=body).json()["id"]
        return subject, gateways[0].login(email, PASSWORD).json()["access_token"]

    gateways[0].token("admin")
    with ThreadPoolExecutor(4) as pool:
        entered = list(pool.map(enter, range(USERS)))
    return Company([subject for subject, _ in entered], [token for _, token in entered])


def publish_change(url: str) -> None:
    async def send() -> None:
        async with open_transport(url, "test") as transport:
            event = ProductChangedV1(parts=["products"], every_article=True)
            await transport.publish([Envelope.of(event, source="/procurement/data", subject="catalogue")])

    asyncio.run(send())


def read(connection: http.client.HTTPConnection, token: str, page: int) -> tuple[dict[str, Any], str]:
    headers = {"Authorization": f"Bearer {token}", **random.choice(UNKEYED)}
    connection.request("GET", f"{PATH}?page={page}", headers=headers)
    answer = connection.getresponse()
    return json.loads(answer.read()), answer.getheader("cache-status", "")


def test_ten_thousand_reads_by_fifty_users_over_three_gateways(
    gateways: list[Any], company: Company, fresh_echo: Any
) -> None:
    def answer() -> Any:
        claims = claims_of(fresh_echo.last())
        return 200, [], json.dumps({"for": claims["sub"], "version": company.version}).encode()

    fresh_echo.answers[INNER] = answer
    done = threading.Event()
    seen: Counter[str] = Counter()

    def ask(worker: int) -> None:
        connections = [http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20) for gateway in gateways]
        chance = random.Random(worker)
        for _ in range(READS // THREADS):
            user, asked_at = chance.randrange(USERS), time.monotonic()
            found, status = read(connections[chance.randrange(3)], company.tokens[user], chance.randrange(2))
            seen["foreign"] += found["for"] != company.subjects[user]
            seen["stale"] += found["version"] < company.oldest_allowed(asked_at)
            seen["hit"] += status.startswith("gateway; hit")
            seen["read"] += 1
        for connection in connections:
            connection.close()

    def change_things() -> None:
        while not done.wait(1.5):
            company.change()
            publish_change(gateways[0].settings.database_url)

    changing = threading.Thread(target=change_things)
    changing.start()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(ask, range(THREADS)))
    finally:
        done.set()
        changing.join()
    assert (seen["read"], seen["foreign"], seen["stale"]) == (READS, 0, 0)
    assert seen["hit"] > READS / 2
    assert company.version > 2


@pytest.mark.parametrize(
    ("change", "claim"),
    [({"roles": ["ops"]}, "roles"), ({"scope": {"categories": ["fruit"]}}, "scope")],
    ids=["role", "scope"],
)
def test_other_rights_are_another_caller_to_the_cache(
    change: dict[str, Any], claim: str, gateways: list[Any], company: Company, fresh_echo: Any
) -> None:
    """Within the five seconds in which a change of a user is known everywhere."""
    fresh_echo.answers[INNER] = lambda: (200, [], json.dumps(claims_of(fresh_echo.last()).get(claim)).encode())
    number = 1 if claim == "roles" else 4
    headers = {"Authorization": f"Bearer {company.tokens[number]}"}
    with gateways[0].client(**headers) as client, gateways[0].client("admin") as admin:
        before = client.get(PATH, params={"rights": claim}).json()
        assert client.get(PATH, params={"rights": claim}).headers["cache-status"].startswith("gateway; hit")
        assert admin.patch(f"/api/v1/users/{company.subjects[number]}", json=change).status_code == 200
        deadline = time.monotonic() + 6
        while (after := client.get(PATH, params={"rights": claim}).json()) == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert all(client.get(PATH, params={"rights": claim}).json() == after for _ in range(5))
