import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from shared.clients.http import GatewayClient, UpstreamProblemError
from shared.clients.retry import Breaker, RetryBudget
from shared.errors import UnavailableError, UpstreamError


class Provider:
    """A gateway on the other side of the transport: hands out tokens, then answers from a script."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.requests: list[httpx.Request] = []
        self.tokens = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/auth/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": f"t{self.tokens}", "expires_in": 900})
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def client(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GatewayClient]:
    async def at_once(_seconds: float) -> None:
        return None

    monkeypatch.setattr("shared.clients.http.asyncio.sleep", at_once)
    client = GatewayClient("http://gateway", "forecast", SecretStr("s"), transport=httpx.MockTransport(provider))
    yield client
    await client.close()


async def test_a_read_is_tried_again_and_succeeds(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(503), httpx.ConnectError("x"), httpx.Response(200, json={"a": 1})]
    assert await client.get_json("data", "/x") == {"a": 1}
    assert {r.headers["authorization"] for r in provider.requests} == {"Bearer t1"}


async def test_a_write_without_a_key_is_never_repeated(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(503, json={"detail": "rest"}), httpx.Response(201, json={})]
    with pytest.raises(UnavailableError, match="rest"):
        await client.post_json("data", "/x", {})
    assert len(provider.requests) == 1


async def test_a_write_with_a_key_is(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(502), httpx.Response(201, json={"id": 1})]
    assert await client.post_json("data", "/x", {}, idempotency_key="k", acting_for="tok") == {"id": 1}
    assert provider.requests[1].headers["idempotency-key"] == "k"
    assert provider.requests[1].headers["x-acting-for"] == "tok"


async def test_an_expired_token_is_renewed_once(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(401), httpx.Response(200, json={})]
    await client.get_json("data", "/x")
    assert provider.requests[1].headers["authorization"] == "Bearer t2"
    provider.answers = [httpx.Response(401, json={}), httpx.Response(401, json={"code": "unauthenticated"})]
    with pytest.raises(UpstreamProblemError) as refusal:
        await client.get_json("data", "/x")
    assert (refusal.value.upstream_status, refusal.value.upstream_code) == (401, "unauthenticated")


async def test_a_refusal_keeps_the_neighbours_words(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(409, json={"code": "order_closed", "detail": "Order 7 is closed."})]
    with pytest.raises(UpstreamProblemError, match="Order 7 is closed") as refusal:
        await client.post_json("data", "/x", {})
    assert refusal.value.upstream_code == "order_closed"


async def test_something_that_is_not_json_is_an_upstream_error(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.Response(200, text="<html>")]
    with pytest.raises(UpstreamError, match="not JSON"):
        await client.get_json("data", "/x")


async def test_the_breaker_stops_asking(client: GatewayClient, provider: Provider) -> None:
    provider.answers = [httpx.ConnectError("x")] * 20
    for _ in range(4):
        with pytest.raises(UnavailableError):
            await client.get_json("data", "/x")
    asked = len(provider.requests)
    with pytest.raises(UnavailableError, match="given a rest"):
        await client.get_json("data", "/x")
    assert len(provider.requests) == asked
    assert asked < 12  # retries stayed within the budget


def test_the_budget_allows_a_fifth() -> None:
    budget = RetryBudget()
    while budget.spend():
        pass
    allowed = 0
    for _ in range(1000):
        budget.earn()
        allowed += budget.spend()
    assert 190 <= allowed <= 200


async def test_an_open_breaker_lets_one_probe_through() -> None:
    breaker = Breaker(threshold=2, rest_seconds=0.02)
    breaker.failed()
    breaker.failed()
    assert not breaker.allows()
    await asyncio.sleep(0.03)
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
