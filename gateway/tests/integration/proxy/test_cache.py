"""The cache of answers: only for the caller it was made for, only as long as it is true."""

import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

PATH = "/api/v1/data/products"
INNER = "/v1/products"


@pytest.fixture
def counting(fresh_echo: Any, start_caching: Any) -> Any:
    """The echo answers with a number that grows with each request that reaches it."""
    numbers = itertools.count(1)
    fresh_echo.answers[INNER] = lambda: (200, [], json.dumps({"number": next(numbers)}).encode())
    return start_caching({"cache_seconds": 5})


def test_a_repeated_read_is_answered_from_the_cache(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        first, second = client.get(PATH), client.get(PATH)
        other = client.get(PATH, params={"limit": 1})
    assert first.json() == second.json() != other.json()
    assert (first.headers["cache-status"], second.headers["cache-status"]) == (
        "gateway; fwd=miss; stored; ttl=5",
        "gateway; hit; ttl=5",
    )
    assert int(second.headers["age"]) >= 0
    assert second.headers["cache-control"] == "private, no-cache"
    assert len(fresh_echo.seen) == 2


def test_it_is_forgotten_after_its_seconds(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        client.get(PATH)
        time.sleep(5.2)
        assert client.get(PATH).headers["cache-status"] == "gateway; fwd=miss; stored; ttl=5"


def test_a_write_to_the_service_is_seen_at_once(counting: Any, fresh_echo: Any) -> None:
    with counting.client("manager") as client:
        before = client.get(PATH).json()
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
        assert client.get(PATH).json() != before


def test_an_unchanged_answer_is_a_304(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        first = client.get(PATH)
        again = client.get(PATH, headers={"If-None-Match": first.headers["etag"]})
        weak = client.get(PATH, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        changed = client.get(PATH, headers={"If-None-Match": '"other"'})
    assert [again.status_code, weak.status_code, changed.status_code] == [304, 304, 200]
    assert again.content == b""
    assert len(fresh_echo.seen) == 1


def test_the_callers_condition_is_not_passed_on_when_the_answer_is_to_be_kept(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        client.get(PATH, params={"q": "x"}, headers={"If-None-Match": '"old"'})
    assert "if-none-match" not in dict(fresh_echo.last()["headers"])


def test_different_languages_and_types_are_kept_apart(counting: Any, fresh_echo: Any) -> None:
    fresh_echo.answers[INNER] = lambda: (200, [(b"vary", b"Accept, Accept-Language, Accept-Encoding")], b"{}")
    with counting.client("buyer") as client:
        for headers in (
            {"Accept-Language": "ru"},
            {"Accept-Language": "en"},
            {"Accept": "text/csv"},
            {"Accept-Encoding": "gzip"},
        ):
            client.get(PATH, headers=headers)
    assert len(fresh_echo.seen) == 4


@pytest.mark.parametrize(
    "header",
    [
        (b"cache-control", b"no-store"),
        (b"cache-control", b"private, max-age=60"),
        (b"cache-control", b"no-cache"),
        (b"cache-control", b"max-age=0"),
        (b"vary", b"*"),
        (b"vary", b"Accept, X-Tenant"),
        (b"set-cookie", b"a=1"),
    ],
)
def test_what_must_not_be_kept_is_not(header: tuple[bytes, bytes], fresh_echo: Any, gateway: Any) -> None:
    fresh_echo.answers[INNER] = lambda: (200, [header], b"{}")
    with gateway.client("buyer") as client:
        answers = [client.get(PATH, params={"case": repr(header)}) for _ in range(2)]
    assert len(fresh_echo.seen) == 2
    assert all(answer.headers["cache-status"] == "gateway; fwd=miss" for answer in answers)
    assert all("set-cookie" not in answer.headers for answer in answers)


@pytest.mark.parametrize("status", [201, 206, 301, 404, 500])
def test_only_a_200_is_kept(status: int, fresh_echo: Any, gateway: Any) -> None:
    fresh_echo.answers[INNER] = lambda: (status, [], b"{}")
    with gateway.client("buyer") as client:
        assert [client.get(PATH, params={"s": status}).status_code for _ in range(2)] == [status] * 2
    assert len(fresh_echo.seen) == 2


def test_a_caller_can_ask_for_a_fresh_answer_or_for_no_trace(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        client.get(PATH)
        client.get(PATH, headers={"Cache-Control": "no-cache"})
        client.get(PATH, headers={"Cache-Control": "no-store"})
        client.get(PATH, headers={"Range": "bytes=0-1"})
    assert len(fresh_echo.seen) == 4


def test_a_large_answer_passes_and_is_not_kept(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway(cache_max_body_bytes=1000)
    fresh_echo.answers[INNER] = lambda: (200, [], b"x" * 2_000_000)
    with gateway.client("buyer") as client:
        assert [len(client.get(PATH).content) for _ in range(2)] == [2_000_000] * 2
    assert len(fresh_echo.seen) == 2


def test_nothing_kept_for_one_caller_ever_reaches_another(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway()
    fresh_echo.answers[INNER] = lambda: (200, [], json.dumps({"for": subject_of(fresh_echo.last())}).encode())
    with gateway.client("buyer") as client:
        key = client.post("/api/v1/api-keys", json={"name": "k"}).json()["key"]
    clients = [gateway.client(role) for role in ("admin", "manager", "buyer", "ops", "service")]
    clients.append(gateway.client(**{"X-API-Key": key}))
    expected = [client.get("/api/v1/auth/me").json() for client in clients]

    def call(number: int) -> bool:
        client, me = number % len(clients), expected[number % len(clients)]
        headers = random.choice([{}, {"X-Forwarded-Host": "evil"}, {"X-User-Id": "1"}, {"Cookie": "a=1"}])
        found = clients[client].get(PATH, params={"page": number % 3}, headers=headers).json()["for"]
        return found == [me["subject"], me["kind"], me["roles"]]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(3000)))
    assert len(fresh_echo.seen) < 1500
    for client in clients:
        client.close()


def subject_of(record: dict[str, Any]) -> list[Any]:
    claims = jwt.decode(dict(record["headers"])["x-identity-token"], options={"verify_signature": False})
    return [claims["sub"], claims["kind"], claims["roles"]]


def test_authorisation_comes_before_the_cache(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        client.get(PATH)
        key = client.post("/api/v1/api-keys", json={"name": "k"}).json()
    with counting.client(**{"X-API-Key": key["key"]}) as client:
        assert [client.get(PATH).status_code for _ in range(2)] == [200, 200]
        with counting.client("buyer") as owner:
            owner.delete(f"/api/v1/api-keys/{key['api_key']['id']}")
        deadline = time.monotonic() + 6
        while client.get(PATH).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with counting.client() as client:
        assert client.get(PATH).status_code == 401


def test_a_path_that_looks_like_a_file_is_no_way_to_make_others_cache_it(counting: Any, fresh_echo: Any) -> None:
    with counting.client("buyer") as client:
        for path in (
            "/api/v1/auth/me/x.css",
            "/api/v1/auth/me%2fx.css",
            "/api/v1/data/sales/x.css",
            "/api/v1/auth/me;x.css",
        ):
            assert client.get(path).status_code in {400, 404}
    assert fresh_echo.seen == []


def test_without_redis_nothing_is_kept_and_all_works(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway(redis_url="redis://127.0.0.1:1/0")
    with gateway.client("buyer") as client:
        assert [client.get(PATH).status_code for _ in range(3)] == [200] * 3
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
    assert len(fresh_echo.seen) == 4


def test_every_way_of_being_served_is_counted_by_service(counting: Any) -> None:
    def counted(text: str) -> dict[str, float]:
        name = 'gateway_cache_requests_total{outcome="%s",upstream="data"}'
        rows = dict(row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#"))
        return {way: float(rows.get(name % way, 0)) for way in ("miss", "hit", "bypass")}

    with counting.client("buyer") as client:
        before = counted(client.get("/metrics").text)
        query = {"counted": 1}
        for headers in ({}, {}, {"Cache-Control": "max-age=60"}, {"Cache-Control": "no-store"}):
            client.get(PATH, params=query, headers=headers)
        text = client.get("/metrics").text
    after = counted(text)
    assert {way: after[way] - before[way] for way in after} == {"miss": 1, "hit": 2, "bypass": 1}
    memory = next(row for row in text.splitlines() if row.startswith("gateway_cache_memory_bytes "))
    assert float(memory.split()[1]) > 0
