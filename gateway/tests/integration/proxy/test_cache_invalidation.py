"""Whoever changes something, kept answers are gone within a second, in every gateway process."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from local.errors import LocalError
from local.infrastructure.rabbitmq import RabbitmqServer
from shared.events.data import ImportCompletedV1, ImportCounts, ProductChangedV1, StockChangedV1, StockLevel
from shared.events.envelope import Envelope, Event
from shared.events.forecast import RecommendationsPublishedV1
from shared.messaging.connect import open_transport

PRODUCTS, SUPPLIERS, PLAN = "/api/v1/data/products", "/api/v1/data/suppliers", "/api/v1/forecast/plans/latest"
WITHIN_SECONDS = 1.0
NUMBERS = itertools.count()


def product_changed(*parts: str) -> Event:
    return ProductChangedV1(parts=list(parts), skus=["P1"] if "products" in parts else [])


def stock_changed() -> Event:
    return StockChangedV1(as_of="2026-11-22T10:00:00Z", levels=[StockLevel(sku="P1", warehouse="W1", on_hand=1)])


def import_completed() -> Event:
    counts = ImportCounts(read=1, applied=1, unchanged=0, cleaned=0, quarantined=0)
    return ImportCompletedV1(import_id=uuid4(), kind="products", origin="upload", counts=counts, duration_seconds=1)


def plan_published() -> Event:
    return RecommendationsPublishedV1(
        plan_id=uuid4(), run_id=uuid4(), recommendations=1, blocked=0, suppliers=[], most_urgent=[]
    )


def publish(url: str, event: Event) -> None:
    async def send() -> None:
        async with open_transport(url, "test") as transport:
            owner = f"/procurement/{event.owner()}"
            await transport.publish([Envelope.of(event, source=owner, subject="test")])

    asyncio.run(send())


@pytest.fixture(scope="module", params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def broker_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """None: the gateway's own database carries the events."""
    if request.param == "embedded":
        yield None
        return
    try:
        server = RabbitmqServer(tmp_path_factory.mktemp("broker"), None)
    except LocalError as error:
        pytest.skip(str(error))
    with server:
        yield server.url


@pytest.fixture(scope="module")
def two(start_gateway: Any, broker_url: str | None) -> list[Any]:
    gateways = [start_gateway(**({} if broker_url is None else {"broker_url": broker_url})) for _ in range(2)]
    token = gateways[0].token("manager")
    for gateway in gateways:
        gateway.tokens["manager"] = token
        until_heard(gateway)
    return gateways


def until_heard(gateway: Any) -> None:
    """Its queues are there: an event published now is not lost."""
    publish_url, deadline = gateway.settings.effective_broker_url, time.monotonic() + 30
    while True:
        try:
            publish(publish_url, plan_published())
            return
        except Exception:  # noqa: BLE001 -- no queue yet, or no broker yet: tried again until the deadline
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def numbered(fresh_echo: Any) -> Any:
    """Every answer is another one, over all tests."""

    def answer() -> Any:
        return 200, [], json.dumps(next(NUMBERS)).encode()

    for inner in ("/v1/products", "/v1/suppliers", "/v1/plans/latest"):
        fresh_echo.answers[inner] = answer
    return fresh_echo


def read(gateway: Any, path: str) -> tuple[int, bool]:
    with gateway.client("manager") as client:
        answer = client.get(path)
        return answer.json(), answer.headers["cache-status"].startswith("gateway; hit")


@pytest.mark.parametrize(
    ("event", "changed", "unchanged"),
    [
        (product_changed("products"), PRODUCTS, SUPPLIERS),
        (product_changed("suppliers", "warehouses"), SUPPLIERS, PRODUCTS),
        (product_changed("products", "something-new"), SUPPLIERS, PLAN),
        (import_completed(), PRODUCTS, PLAN),
        (plan_published(), PLAN, PRODUCTS),
        (stock_changed(), None, PRODUCTS),
    ],
    ids=["products", "suppliers", "unknown part", "import", "plan", "stock"],
)
def test_an_event_makes_kept_answers_untrue_in_both_gateways(
    event: Event, changed: str | None, unchanged: str, two: list[Any], numbered: Any
) -> None:
    with two[0].client("manager") as client:
        client.post("/api/v1/data/purchase-orders", json={})  # whatever is kept from the test before
    kept = {path: [read(gateway, path)[0] for gateway in two] for path in (PRODUCTS, SUPPLIERS, PLAN)}
    assert all(one == other for one, other in kept.values())
    assert all(read(gateway, path) == (kept[path][0], True) for gateway in two for path in kept)
    publish(two[0].settings.effective_broker_url, event)
    published_at = time.monotonic()
    if changed is not None:
        for gateway in two:
            while read(gateway, changed)[0] == kept[changed][0]:
                assert time.monotonic() - published_at < WITHIN_SECONDS
                time.sleep(0.01)
    else:
        time.sleep(0.5)
    assert all(read(gateway, unchanged) == (kept[unchanged][0], True) for gateway in two)


def test_a_write_through_one_gateway_is_seen_by_the_other_within_a_second(two: list[Any], numbered: Any) -> None:
    before = read(two[1], SUPPLIERS)[0]
    assert read(two[1], SUPPLIERS) == (before, True)
    with two[0].client("manager") as client:
        assert client.post("/api/v1/data/purchase-orders", json={}).status_code == 200
    written_at = time.monotonic()
    assert read(two[0], SUPPLIERS)[0] != before
    while read(two[1], SUPPLIERS)[0] == before:
        assert time.monotonic() - written_at < WITHIN_SECONDS


def test_a_write_that_changes_products_only_leaves_suppliers_kept(two: list[Any], numbered: Any) -> None:
    kept = {path: read(two[0], path)[0] for path in (PRODUCTS, SUPPLIERS)}
    with two[0].client("manager") as client:
        assert client.post(PRODUCTS, json={}).status_code == 200
    assert read(two[0], PRODUCTS)[0] != kept[PRODUCTS]
    assert read(two[0], SUPPLIERS) == (kept[SUPPLIERS], True)


def test_without_the_broker_the_gateway_serves_and_says_that_it_is_degraded(start_gateway: Any, numbered: Any) -> None:
    deaf = start_gateway(broker_url="amqp://nobody:wrong@127.0.0.1:1/none")
    with deaf.client("buyer") as client:
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["dependencies"]["broker"]["status"] == "down"
        assert client.get(PRODUCTS).status_code == 200


def test_without_the_broker_nothing_is_kept_for_long(start_gateway: Any, numbered: Any) -> None:
    deaf = start_gateway(broker_url="amqp://nobody:wrong@127.0.0.1:1/none")
    first = read(deaf, PRODUCTS)[0]
    assert read(deaf, PRODUCTS) == (first, True)
    deadline = time.monotonic() + 12
    while read(deaf, PRODUCTS)[0] == first:
        assert time.monotonic() < deadline
        time.sleep(0.2)
