"""Stale answers: served at once while a fresh one is fetched, or instead of an error, and never beyond their window."""

import itertools
import json
import time
from typing import Any

import pytest

PATH = "/api/v1/data/products"
INNER = "/v1/products"
ALWAYS = {"cache_seconds": 1, "stale_seconds": 60, "error_seconds": 60}
ON_ERROR = {"cache_seconds": 1, "error_seconds": 60}


def counting(echo: Any, status: int = 200) -> None:
    numbers = itertools.count(1)
    echo.answers[INNER] = lambda: (status, [], json.dumps(next(numbers)).encode())


def until_reached(echo: Any, count: int) -> None:
    deadline = time.monotonic() + 3
    while len(echo.seen) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def always(start_caching: Any) -> Any:
    return start_caching(ALWAYS)


@pytest.fixture(scope="module")
def on_error(start_caching: Any) -> Any:
    return start_caching(ON_ERROR)


def test_a_stale_answer_is_served_at_once_and_renewed_behind(always: Any, fresh_echo: Any) -> None:
    counting(fresh_echo)
    with always.client("buyer") as client:
        query = {"swr": 1}
        assert client.get(PATH, params=query).json() == 1
        time.sleep(1.2)
        stale = [client.get(PATH, params=query) for _ in range(3)]
        until_reached(fresh_echo, 2)
        time.sleep(0.2)
        renewed = client.get(PATH, params=query)
    assert stale[0].json() == 1
    assert stale[0].headers["cache-status"] == "gateway; hit; ttl=-1"
    assert int(stale[0].headers["age"]) == 1
    assert renewed.json() == 2
    assert len(fresh_echo.seen) == 2


def test_what_a_write_made_untrue_is_not_served_stale(always: Any, fresh_echo: Any) -> None:
    counting(fresh_echo)
    with always.client("manager") as client:
        query = {"swr": 2}
        client.get(PATH, params=query)
        time.sleep(1.2)
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
        assert client.get(PATH, params=query).json() == 2


def test_a_caller_who_wants_a_fresh_answer_does_not_get_a_stale_one(always: Any, fresh_echo: Any) -> None:
    counting(fresh_echo)
    with always.client("buyer") as client:
        query = {"swr": 3}
        client.get(PATH, params=query)
        time.sleep(1.2)
        fresh = client.get(PATH, params=query, headers={"Cache-Control": "max-age=0"})
    assert (fresh.json(), fresh.headers["cache-status"]) == (2, "gateway; fwd=stale; stored; ttl=1")


@pytest.mark.parametrize("control", [b"must-revalidate", b"stale-while-revalidate=0, stale-if-error=0", b"s-maxage=1"])
def test_the_service_can_forbid_stale_answers(control: bytes, always: Any, fresh_echo: Any) -> None:
    answers = iter([(200, [(b"cache-control", control)], b"1"), (503, [], b"2")])
    fresh_echo.answers[INNER] = lambda: next(answers)
    with always.client("buyer") as client:
        query = {"forbidden": control.decode()}
        client.get(PATH, params=query)
        time.sleep(1.2)
        assert client.get(PATH, params=query).status_code == 503


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_old_answer_is_better_than_an_error(status: int, on_error: Any, fresh_echo: Any) -> None:
    counting(fresh_echo)
    with on_error.client("buyer") as client:
        query = {"sie": status}
        client.get(PATH, params=query)
        time.sleep(1.2)
        fresh_echo.answers[INNER] = lambda: (status, [], b"broken")
        old = client.get(PATH, params=query)
        insisting = client.get(PATH, params=query, headers={"Cache-Control": "no-cache"})
    assert (old.status_code, old.json()) == (200, 1)
    assert old.headers["cache-status"] == f"gateway; fwd=stale; fwd-status={status}; ttl=-1"
    assert insisting.status_code == status


def test_a_404_is_no_error_of_the_service(on_error: Any, fresh_echo: Any) -> None:
    counting(fresh_echo)
    with on_error.client("buyer") as client:
        query = {"sie": 404}
        client.get(PATH, params=query)
        time.sleep(1.2)
        fresh_echo.answers[INNER] = lambda: (404, [], b"gone")
        assert client.get(PATH, params=query).status_code == 404


def test_an_old_answer_is_better_than_no_service(start_caching: Any, raw_upstream: Any) -> None:
    up = True

    async def service(reader: Any, writer: Any) -> None:
        while await reader.readuntil(b"\r\n\r\n") and up:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n7")
        writer.close()

    port = raw_upstream(service)
    gateway = start_caching(
        ON_ERROR,
        upstreams=dict.fromkeys(
            ("data", "forecast", "notification", "monitoring", "storage"), f"http://127.0.0.1:{port}"
        ),
    )
    with gateway.client("buyer") as client:
        assert client.get(PATH).json() == 7
        up = False
        time.sleep(1.2)
        for _ in range(8):  # the breaker opens on the way
            old = client.get(PATH)
            assert (old.status_code, old.json()) == (200, 7)
            assert old.headers["cache-status"].startswith("gateway; fwd=stale; detail=upstream_")
        assert client.get(PATH, params={"never": "asked"}).status_code in {502, 503}
