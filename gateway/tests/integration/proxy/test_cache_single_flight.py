"""Many who want the same answer at the same moment cause one request to the service, over all gateway processes."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.proxy.adapters.generations import Generations
from gateway.proxy.adapters.memory_layer import MemoryLayer
from gateway.proxy.adapters.response_cache import Place, ResponseCache
from gateway.proxy.adapters.store import SharedStore
from gateway.proxy.service.flights import Flight

PATH = "/api/v1/data/products"
INNER = "/v1/products"


@pytest.fixture(scope="module")
def three(start_caching: Any) -> list[Any]:
    gateways = [start_caching({"cache_seconds": 60}) for _ in range(3)]
    for role in ("buyer", "manager"):
        token = gateways[0].token(role)
        for gateway in gateways:
            gateway.tokens[role] = token  # one session: another one is another caller to the cache
    return gateways


def slowly(echo: Any, seconds: float, headers: tuple[tuple[bytes, bytes], ...] = (), status: int = 200) -> None:
    def answer() -> Any:
        time.sleep(seconds)
        return status, list(headers), json.dumps(len(echo.seen)).encode()

    echo.answers[INNER] = answer


@dataclass(frozen=True)
class Reply:
    status: int
    cache_status: str
    text: str


async def storm(gateways: list[Any], count: int, query: str) -> list[Reply]:
    """So many connections, open before the first request is sent."""
    request = (
        f"GET {PATH}?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        f"Authorization: Bearer {gateways[0].token('buyer')}\r\n\r\n"
    ).encode()
    streams = [
        await asyncio.open_connection("127.0.0.1", gateways[number % len(gateways)].port) for number in range(count)
    ]
    for _, writer in streams:
        writer.write(request)
    answers = await asyncio.gather(*(reader.read() for reader, _ in streams))
    for _, writer in streams:
        writer.close()
    return [reply(answer) for answer in answers]


def reply(answer: bytes) -> Reply:
    head, _, body = answer.decode().partition("\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    return Reply(int(head.split(" ")[1]), lines.get("cache-status", ""), body)


def test_a_thousand_misses_at_once_over_three_gateways_are_one_request(three: list[Any], fresh_echo: Any) -> None:
    slowly(fresh_echo, 2.0)  # long enough for a busy machine to ask a thousand times meanwhile
    answers = asyncio.run(storm(three, 1000, "storm=1"))
    assert {(answer.status, answer.text) for answer in answers} == {(200, "1")}
    assert len(fresh_echo.seen) == 1
    ways = Counter(answer.cache_status.partition("; ttl")[0] for answer in answers)
    assert ways["gateway; fwd=miss; stored"] == 1
    assert ways["gateway; fwd=miss; collapsed"] > 500


def test_an_answer_that_may_not_be_kept_holds_nobody_up(three: list[Any], fresh_echo: Any) -> None:
    slowly(fresh_echo, 0.01, ((b"cache-control", b"no-store"),))
    began = time.monotonic()
    answers = asyncio.run(storm(three, 60, "storm=2"))
    assert {answer.status for answer in answers} == {200}
    assert len(fresh_echo.seen) == 60
    assert time.monotonic() - began < 3


def test_a_failure_of_the_first_is_not_the_failure_of_all(three: list[Any], fresh_echo: Any) -> None:
    def answer() -> Any:
        is_first = len(fresh_echo.seen) == 1
        time.sleep(0.3 if is_first else 0)
        return (503 if is_first else 200), [], b"{}"

    fresh_echo.answers[INNER] = answer
    answers = asyncio.run(storm(three[:1], 20, "storm=3"))
    assert Counter(answer.status for answer in answers) == {200: 19, 503: 1}


def test_the_first_caller_may_leave_without_harm_to_the_others(three: list[Any], fresh_echo: Any) -> None:
    slowly(fresh_echo, 0.6)
    gateway = three[0]
    request = f"GET {PATH}?storm=4 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.token('buyer')}\r\n\r\n"
    leaving = socket.create_connection(("127.0.0.1", gateway.port))
    leaving.sendall(request.encode())
    time.sleep(0.1)

    def ask(number: int) -> tuple[int, str]:
        with three[number % 3].client("buyer") as client:
            for name in ("Accept", "Accept-Encoding"):
                del client.headers[name]
            answer = client.get(PATH, params={"storm": 4})
            return answer.status_code, answer.text

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, number) for number in range(6)]
        time.sleep(0.2)
        leaving.close()
        assert {future.result(20) for future in asked} == {(200, "1")}
    assert len(fresh_echo.seen) == 1


@asynccontextmanager
async def cache_on(url: str) -> AsyncIterator[ResponseCache]:
    """As one more process would have it."""
    async with Redis.from_url(url) as client:
        store, memory = SharedStore(client, 1.0), MemoryLayer(1_000_000)
        yield ResponseCache(store, memory, Generations(store, client, memory.drop))


async def test_nobody_waits_long_for_a_process_that_died_with_the_claim(valkey_server: Any) -> None:
    place = Place("data", ("somebody", b"/dead", (None, None, None)), ("service.data",))
    async with cache_on(valkey_server.url) as dying, cache_on(valkey_server.url) as living:
        generation = (await dying.find(place)).generation
        assert generation is not None
        assert await Flight(dying, place, generation).claim()
        began = time.monotonic()
        assert await Flight(living, place, generation).claim_or_wait() is None
        assert 2.5 < time.monotonic() - began < 4.5


def test_who_asks_after_a_change_is_not_given_what_was_fetched_before_it(three: list[Any], fresh_echo: Any) -> None:
    slowly(fresh_echo, 0.4)
    gateway = three[0]
    with ThreadPoolExecutor(2) as pool, gateway.client("manager") as client:
        early = pool.submit(client.get, PATH, params={"storm": 6})
        time.sleep(0.15)
        writing = gateway.client("manager")
        assert writing.post("/api/v1/data/purchase-orders", json={}).status_code == 200
        late = writing.get(PATH, params={"storm": 6})
        assert early.result(20).text == "1"
    writing.close()
    assert late.text == "3"
