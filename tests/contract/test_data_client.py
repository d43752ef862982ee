"""`DataClient` against the real data-service: what it asks is served, what is served it understands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from data_service.app import create_app
from data_service.settings import Settings
from shared.clients.data_client import DataClient, PurchaseOrderDraft, PurchaseOrderLineDraft
from shared.clients.http import UpstreamProblemError
from shared.testing.asgi import running
from shared.testing.identities import TEST_KEYS, identity_headers
from shared.testing.through_gateway import ThroughGateway, client_through_gateway

FILES = {
    "products": "sku,name,category,supplier,unit,pack_size,moq,cost,price\nA1,Bolt,C,S1,pcs,6,12,2.50,4.00\n",
    "suppliers": 'supplier,name,lead_time_days,min_order_value,currency,order_weekdays\nS1,First,5,100,EUR,"Mon,Thu"\n',
    "stock": "date,sku,on_hand,reserved\n2026-11-01,A1,30,4\n",
    "sales": "date,sku,quantity,price\n2026-10-30,A1,3,4.00\n2026-10-31,A1,5,4.00\n",
}


@pytest.fixture
async def through(
    database_url_for: Callable[[str], str], redis_url: str, tmp_path: Path
) -> AsyncIterator[ThroughGateway]:
    settings = Settings(
        database_url=database_url_for("data"),
        redis_url=redis_url,
        environment="test",
        worker_in_process=True,
        spool_directory=tmp_path,
    )
    app = create_app(settings, TEST_KEYS)
    async with running(app) as transport:
        await load(transport)
        yield ThroughGateway(transport, owner="data")


async def load(transport: httpx.AsyncBaseTransport) -> None:
    headers = identity_headers("data")
    async with httpx.AsyncClient(transport=transport, base_url="http://data", headers=headers) as client:
        for kind, text in FILES.items():
            accepted = await client.post("/v1/imports", params={"kind": kind, "filename": f"{kind}.csv"}, content=text)
            assert accepted.status_code == 202, accepted.text
            for _ in range(200):
                state = (await client.get(f"/v1/imports/{accepted.json()['id']}")).json()
                if state["status"] not in {"queued", "running"}:
                    break
                await asyncio.sleep(0.05)
            assert state["status"] == "completed", state


async def table(stream: AsyncIterator[bytes]) -> pa.Table:
    return pa.ipc.open_stream(b"".join([chunk async for chunk in stream])).read_all()


async def test_demand_and_planning_inputs_arrive_as_arrow(through: ThroughGateway) -> None:
    client = DataClient(client_through_gateway(through))
    async with client.demand() as stream:
        demand = await table(stream)
    assert demand.column("quantity").to_pylist() == [3.0, 5.0]
    async with client.planning_inputs() as stream:
        (row,) = (await table(stream)).to_pylist()
    assert (row["sku"], row["pack_size"], row["moq"], row["on_hand"], row["reserved"]) == ("A1", 6, 12, 30, 4)
    assert row["order_weekdays"] == [1, 4]


async def test_an_order_is_created_once_and_approved_for_a_person(through: ThroughGateway) -> None:
    client = DataClient(client_through_gateway(through))
    async with client.planning_inputs() as stream:
        (row,) = (await table(stream)).to_pylist()
    draft = PurchaseOrderDraft(
        supplier="S1",
        warehouse=row["warehouse"],
        currency="EUR",
        lines=[PurchaseOrderLineDraft(sku="A1", quantity=Decimal(12), unit_cost=Decimal("2.50"))],
    )
    first = await client.create_purchase_order(draft, idempotency_key="k1", acting_for="person")
    second = await client.create_purchase_order(draft, idempotency_key="k1", acting_for="person")
    assert first.id == second.id
    approved = await client.approve_purchase_order(first.id, acting_for="person")
    assert approved.status == "approved"
    assert (await client.get_purchase_order(first.id)).value == Decimal(30)
    async with client.planning_inputs() as stream:
        (row,) = (await table(stream)).to_pylist()
    assert row["on_order"] == 12


async def test_a_refusal_carries_the_providers_words(through: ThroughGateway) -> None:
    client = DataClient(client_through_gateway(through))
    draft = PurchaseOrderDraft(supplier="nobody", warehouse="main", lines=[])
    with pytest.raises(UpstreamProblemError) as refusal:
        await client.create_purchase_order(draft, idempotency_key="k2", acting_for="person")
    assert refusal.value.upstream_status in {404, 409, 422}
    with pytest.raises(UpstreamProblemError) as forbidden:
        await client.create_purchase_order(draft, idempotency_key="k3")
    assert forbidden.value.upstream_status == 403, "a service alone orders nothing"
