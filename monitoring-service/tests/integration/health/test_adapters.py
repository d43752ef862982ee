import asyncio
import time

import httpx
import pytest

from local.infrastructure.ports import free_port
from monitoring_service.health.adapters.prober import Prober
from monitoring_service.health.domain.state import Outcome
from monitoring_service.health.domain.targets import Kind, Target


async def ask(*targets: Target, timeout_seconds: float = 0.5, concurrency: int = 50) -> list[Outcome]:
    async with httpx.AsyncClient(trust_env=False, headers={"Connection": "close"}) as client:
        prober = Prober(targets, client, timeout_seconds=timeout_seconds, concurrency=concurrency)
        return list((await prober.probe_all()).outcomes)


def http(url: str) -> Target:
    return Target("data-service", Kind.HTTP, url)


async def test_a_ready_service_is_up_with_its_own_report_and_a_latency(servers) -> None:
    server = await servers()
    server.body = {"status": "ready", "dependencies": {"database": {"status": "up", "milliseconds": 1.5, "secret": 1}}}
    [outcome] = await ask(http(server.url))
    assert outcome.ok
    assert not outcome.degraded
    assert 0 < outcome.latency_seconds < 0.5
    assert outcome.dependencies == {"database": {"status": "up", "milliseconds": 1.5}}


async def test_a_degraded_service_is_up_and_says_what_is_missing(servers) -> None:
    server = await servers()
    server.body = {"status": "degraded", "dependencies": {"redis": {"status": "down", "error": "refused"}}}
    [outcome] = await ask(http(server.url))
    assert outcome.ok
    assert outcome.degraded
    assert outcome.down_dependencies == {"redis"}


async def test_a_service_that_is_not_ready_says_why(servers) -> None:
    server = await servers()
    server.status = 503
    server.body = {"status": "unavailable", "dependencies": {"database": {"status": "down", "error": "no route"}}}
    [outcome] = await ask(http(server.url))
    assert not outcome.ok
    assert outcome.error == "HTTP 503 (database: no route)"
    assert outcome.down_dependencies == {"database"}


async def test_a_hanging_service_fails_at_the_time_limit(servers) -> None:
    server = await servers()
    server.hang = True
    began = time.perf_counter()
    [outcome] = await ask(http(server.url), timeout_seconds=0.3)
    assert outcome.error == "no answer within 0.3 s"
    assert time.perf_counter() - began < 1


async def test_nobody_listening_is_a_failure_with_a_reason() -> None:
    port = free_port()
    web, server = await ask(http(f"http://127.0.0.1:{port}/"), Target("postgres", Kind.TCP, f"127.0.0.1:{port}"))
    for outcome in (web, server):
        assert not outcome.ok
        assert outcome.error
        assert outcome.down_dependencies is None


async def test_an_open_port_is_up(servers) -> None:
    server = await servers()
    [outcome] = await ask(Target("postgres", Kind.TCP, f"127.0.0.1:{server.port}"))
    assert outcome.ok


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"null",
        b'{"dependencies": 3}',
        b'{"dependencies": {"database": 3}}',
        b"\xff\xfe",
        b"x" * 200_000,
    ],
)
async def test_a_strange_answer_is_still_an_answer(servers, body: bytes) -> None:
    server = await servers()
    server.body = body
    [outcome] = await ask(http(server.url))
    assert outcome.ok
    assert not outcome.down_dependencies


async def test_what_a_target_says_can_always_be_stored(servers) -> None:
    server = await servers()
    server.status = 503
    server.body = {"dependencies": {"data\x00base": {"status": "down", "error": "\x00\ud800" + "x" * 5000}}}
    [outcome] = await ask(http(server.url))
    assert outcome.error is not None
    assert "\x00" not in outcome.error
    outcome.error.encode()
    assert len(outcome.error) < 1000


@pytest.mark.parametrize("address", ["http://no-such-host.invalid/", f"http://{'a' * 80}.example/"])
async def test_a_name_that_does_not_resolve_is_a_failure(address: str) -> None:
    [outcome] = await ask(http(address), timeout_seconds=5)
    assert not outcome.ok


async def test_a_thousand_targets_are_asked_in_one_round(servers) -> None:
    server = await servers()
    targets = [Target(f"t{n}", Kind.HTTP, server.url) for n in range(1000)]
    async with httpx.AsyncClient(trust_env=False, headers={"Connection": "close"}) as client:
        prober = Prober(targets, client, timeout_seconds=5, concurrency=50)
        async with asyncio.timeout(60):
            turn = await prober.probe_all()
    assert sum(outcome.ok for outcome in turn.outcomes) == 1000
