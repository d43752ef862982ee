"""Redis hangs while something changes: nobody is served what the change made untrue for long."""

import itertools
import json
import time
from typing import Any

import pytest
import redis

PATH, INNER = "/api/v1/data/products", "/v1/products"


@pytest.fixture(scope="module")
def two(start_gateway: Any) -> list[Any]:
    gateways = [start_gateway() for _ in range(2)]
    token = gateways[0].token("manager")
    for gateway in gateways:
        gateway.tokens["manager"] = token
    return gateways


def read(gateway: Any) -> tuple[int, str]:
    with gateway.client("manager") as client:
        answer = client.get(PATH)
        return answer.json(), answer.headers["cache-status"]


def test_a_write_while_redis_hangs_is_told_once_it_is_back(two: list[Any], fresh_echo: Any, valkey_server: Any) -> None:
    numbers = itertools.count()
    fresh_echo.answers[INNER] = lambda: (200, [], json.dumps(next(numbers)).encode())
    writer, other = two
    kept = read(writer)[0]
    assert [read(gateway)[0] for gateway in two] == [kept, kept]
    with redis.Redis.from_url(valkey_server.url) as store, writer.client("manager") as client:
        store.client_pause(700, all=True)
        began = time.monotonic()
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
        assert time.monotonic() - began < 2
        written_at = time.monotonic()
        number, status = read(writer)
        assert number != kept
        assert status == "gateway; fwd=bypass"
        time.sleep(max(0.0, 0.6 - (time.monotonic() - written_at)))
        assert read(other)[0] != kept
        deadline = written_at + 8
        while not read(other)[1].startswith("gateway; hit") or not read(writer)[1].startswith("gateway; hit"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert read(other)[0] != kept
        assert read(writer)[0] == read(other)[0]
