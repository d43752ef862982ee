"""Rate limits: exact across processes, no way around, safe without Redis."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.settings import Settings

NOWHERE = "redis://127.0.0.1:1/0"


def statuses(
    gateway: Any, count: int, *, parallel: int = 20, role: str = "buyer", path: str = "/api/v1/data/sales"
) -> list[int]:
    with gateway.client(role) as client, ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(lambda _: client.get(path).status_code, range(count)))


def test_exactly_the_limit_passes_over_three_gateways_at_once(start_gateway: Any, fresh_echo: Any) -> None:
    # Exactness is a promise while Redis answers; three gateways and their clients on one core answer late, not never.
    gateways = [start_gateway(rates={"read": "100/3600"}, limiter_timeout_seconds=10) for _ in range(3)]
    gateways[0].token("buyer")
    for gateway in gateways[1:]:
        gateway.tokens = gateways[0].tokens
    key = gateways[0].settings.signing_key_file
    assert key is not None
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda gateway: statuses(gateway, 334), gateways))
    together = [status for result in results for status in result]
    assert len(together) == 1002
    assert together.count(200) == 100
    assert together.count(429) == 902
    assert len(fresh_echo.seen) == 100


def test_a_refusal_says_when_to_come_back(start_gateway: Any) -> None:
    gateway = start_gateway(rates={"read": "2/60"})
    with gateway.client("manager") as client:
        first, _, third = (client.get("/api/v1/data/sales") for _ in range(3))
    assert first.headers["ratelimit-policy"] == '"read";q=2;w=60'
    assert first.headers["ratelimit"].startswith('"read";r=1;t=')
    assert (third.status_code, third.json()["code"]) == (429, "quota_exceeded")
    assert third.headers["ratelimit"].startswith('"read";r=0;t=')
    assert 25 <= int(third.headers["retry-after"]) <= 30
    assert third.headers["content-type"] == "application/problem+json"


def test_keys_spellings_and_claimed_addresses_give_no_extra_quota(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway(rates={"read": "10/3600", "address_rate": "1000/60"})
    with gateway.client("ops") as client:
        key = client.post("/api/v1/api-keys", json={"name": "a"}).json()["key"]
    seen = []
    with gateway.client("ops") as with_token, gateway.client(**{"X-API-Key": key}) as with_key:
        for number in range(30):
            client = (with_token, with_key)[number % 2]
            path = ("/api/v1/data/sales", "/api/v1/data/%73ales", f"/api/v1/data/sales?n={number}")[number % 3]
            seen.append(client.get(path, headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code)
    assert seen.count(200) == 10
    assert len(fresh_echo.seen) == 10


def test_strangers_are_counted_by_address(start_gateway: Any) -> None:
    gateway = start_gateway(rates={"failure_rate": "5/600"})
    with gateway.client(Authorization="Bearer x.y.z") as client:
        seen = [client.get("/api/v1/data/sales").status_code for _ in range(8)]
    assert seen == [401] * 5 + [429] * 3


def test_behind_a_proxy_the_last_entry_counts_and_nonsense_is_refused(start_gateway: Any) -> None:
    gateway = start_gateway(rates={"failure_rate": "3/600"}, trusted_proxy_count=1)

    def status(forwarded: str | None) -> int:
        headers = {"Authorization": "Bearer x"} | ({"X-Forwarded-For": forwarded} if forwarded is not None else {})
        with gateway.client(**headers) as client:
            return client.get("/api/v1/data/sales").status_code

    assert [status(f"1.1.1.{n}, 9.9.9.9") for n in range(5)] == [401] * 3 + [429] * 2
    assert [status(f"2001:db8:1:2::{n:x}") for n in range(1, 6)] == [401] * 3 + [429] * 2
    assert status("2001:db8:1:3::1") == 401
    assert [status(bad) for bad in ("a", "", "1.2.3.4, unknown", "1.2.3.4:80")] == [400] * 4
    with gateway.client() as client:
        assert client.get("/health/ready").status_code == 200  # a probe comes past the proxy, without the header


def test_without_redis_requests_go_on_and_are_counted_by_the_process(start_gateway: Any, fresh_echo: Any) -> None:
    gateway = start_gateway(rates={"read": "50/3600"}, redis_url=NOWHERE, limiter_timeout_seconds=0.02)
    assert statuses(gateway, 80).count(200) == 50


def test_without_redis_logins_keep_a_tenth_of_their_rate(start_gateway: Any) -> None:
    gateway = start_gateway(rates={"login": "30/3600"}, redis_url=NOWHERE)
    seen = [gateway.login("nobody@example.com", "wrong").status_code for _ in range(6)]
    assert seen == [401] * 3 + [429] * 3


def test_a_store_that_hangs_costs_no_more_than_its_timeout(
    start_gateway: Any, raw_upstream: Any, fresh_echo: Any
) -> None:
    async def silent(reader: Any, writer: Any) -> None:
        await reader.read()

    port = raw_upstream(silent)
    gateway = start_gateway(redis_url=f"redis://127.0.0.1:{port}/0", limiter_timeout_seconds=0.02)
    with gateway.client("buyer") as client:
        client.get("/api/v1/data/sales")
        time.sleep(1.1)
        began = time.monotonic()
        assert client.get("/api/v1/data/sales").status_code == 200
        first = time.monotonic() - began
        began = time.monotonic()
        assert all(client.get("/api/v1/data/sales").status_code == 200 for _ in range(20))
        rest = (time.monotonic() - began) / 20
    assert first < 0.3
    assert rest < 0.05


def test_readiness_says_that_redis_is_away(start_gateway: Any) -> None:
    gateway = start_gateway(redis_url=NOWHERE)
    with gateway.client() as client:
        ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["dependencies"]["redis"]["status"] == "down"
    assert isinstance(gateway.settings, Settings)
