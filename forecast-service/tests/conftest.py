"""The application on a fresh database, a worker that runs when told to, and a stand-in for data-service over HTTP."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pyarrow as pa
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text

from forecast_service.accuracy.domain import SeriesAccuracy
from forecast_service.app import create_app, worker_of
from forecast_service.forecasts.domain.distribution import LEVELS, knots_of, normal_score
from forecast_service.forecasts.domain.outcome import ComputedSeries
from forecast_service.forecasts.domain.runs import RunOutcome
from forecast_service.forecasts.jobs import RunWorker
from forecast_service.forecasts.service import RunQueue
from forecast_service.recommendations.dependencies import create_plan_service
from forecast_service.resources import Resources, open_resources
from forecast_service.settings import Settings
from shared.testing.asgi import service_client
from shared.testing.identities import TEST_KEYS, identity_headers

OWNER = "forecast"
LAST_DAY = date(2026, 3, 1)
DEMAND = pa.schema(
    [
        ("sku", pa.utf8()),
        ("warehouse", pa.utf8()),
        ("date", pa.date32()),
        ("quantity", pa.float64()),
        ("price", pa.float64()),
        ("availability", pa.float64()),
    ]
)
PLANNING = pa.schema(
    [
        ("sku", pa.utf8()),
        ("name", pa.utf8()),
        ("category", pa.utf8()),
        ("supplier", pa.utf8()),
        ("supplier_name", pa.utf8()),
        ("warehouse", pa.utf8()),
        ("unit", pa.utf8()),
        ("pack_size", pa.float64()),
        ("moq", pa.float64()),
        ("cost", pa.float64()),
        ("price", pa.float64()),
        ("currency", pa.utf8()),
        ("lead_time_days", pa.int32()),
        ("lead_time_mean_days", pa.float64()),
        ("lead_time_sd_days", pa.float64()),
        ("lead_time_receipts", pa.int32()),
        ("min_order_value", pa.float64()),
        ("order_weekdays", pa.list_(pa.int8())),
        ("on_hand", pa.float64()),
        ("reserved", pa.float64()),
        ("on_order", pa.float64()),
        ("oldest_open_expected_on", pa.date32()),
        ("stock_as_of", pa.date32()),
        ("life_cycle", pa.utf8()),
    ]
)


class DataStandIn:
    """Behaves like data-service behind the gateway, as far as forecast-service asks it; failures on demand."""

    def __init__(self) -> None:
        self.demand: list[dict[str, Any]] = []
        self.planning: list[dict[str, Any]] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.created: dict[str, str] = {}
        self.acting_for: list[str | None] = []
        self.broken_streams = 0
        self.refuse_approval = False
        self.outages = 0
        self.demand_delay_seconds = 0.0
        self.url = ""

    def sell(self, sku: str, rate: float, days: int = 200, warehouse: str = "MAIN", **terms: Any) -> None:
        """An article with Poisson demand, and its planning row."""
        random = np.random.default_rng(abs(hash((len(sku), rate, days))) % 2**32)
        quantities = random.poisson(rate, days)
        self.demand += [
            {
                "sku": sku,
                "warehouse": warehouse,
                "date": LAST_DAY - timedelta(days=days - 1 - day),
                "quantity": float(quantities[day]),
                "price": 15.0,
                "availability": None,
            }
            for day in range(days)
        ]
        row = {
            "sku": sku,
            "name": f"Article {sku}",
            "category": "ALL",
            "supplier": "S1",
            "supplier_name": "Supplier 1",
            "warehouse": warehouse,
            "unit": "pcs",
            "pack_size": 6.0,
            "moq": 0.0,
            "cost": 10.0,
            "price": 15.0,
            "currency": "EUR",
            "lead_time_days": 7,
            "lead_time_mean_days": None,
            "lead_time_sd_days": None,
            "lead_time_receipts": 0,
            "min_order_value": None,
            "order_weekdays": [],
            "on_hand": 0.0,
            "reserved": 0.0,
            "on_order": 0.0,
            "oldest_open_expected_on": None,
            "stock_as_of": LAST_DAY,
            "life_cycle": "active",
        }
        self.planning.append({**row, **terms})

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.post("/api/v1/auth/token")
        async def token() -> dict[str, Any]:
            return {"access_token": "service", "expires_in": 900}

        @app.get("/api/v1/data/demand")
        async def demand() -> Response:
            await asyncio.sleep(self.demand_delay_seconds)
            if self.broken_streams:
                self.broken_streams -= 1
                return JSONResponse({"code": "unavailable", "detail": "starting"}, status_code=503)
            return arrow(self.demand, DEMAND)

        @app.get("/api/v1/data/planning-inputs")
        async def planning_inputs() -> Response:
            return arrow(self.planning_now(), PLANNING)

        @app.post("/api/v1/data/purchase-orders")
        async def create(request: Request) -> JSONResponse:
            if self.outages:
                self.outages -= 1
                return problem(503, "unavailable", "data-service is restarting")
            self.acting_for.append(request.headers.get("X-Acting-For"))
            key = request.headers["Idempotency-Key"]
            body = await request.json()
            if key not in self.created:
                taken = {line["plan_line_id"] for order in self.orders.values() for line in order["lines"]}
                if any(line["plan_line_id"] in taken for line in body["lines"]):
                    return problem(409, "plan_line_already_ordered", "A line was ordered already.")
                identifier = str(uuid4())
                self.created[key] = identifier
                self.orders[identifier] = {
                    **body,
                    "id": identifier,
                    "number": f"PO-{len(self.orders) + 1}",
                    "status": "draft",
                }
            return JSONResponse(self._order(self.created[key]), status_code=201)

        @app.post("/api/v1/data/purchase-orders/{order_id}/approval")
        async def approve(order_id: str) -> JSONResponse:
            if self.refuse_approval:
                return problem(403, "approval_not_allowed", "Above your limit; ask a manager.")
            self.orders[order_id]["status"] = "approved"
            return JSONResponse(self._order(order_id))

        return app

    def planning_now(self) -> list[dict[str, Any]]:
        """Approved orders count as on order."""
        ordered: dict[tuple[str, str], float] = {}
        for order in self.orders.values():
            for line in order["lines"] if order["status"] == "approved" else []:
                key = (line["sku"], order["warehouse"])
                ordered[key] = ordered.get(key, 0.0) + float(line["quantity"])
        return [
            {**row, "on_order": row["on_order"] + ordered.get((row["sku"], row["warehouse"]), 0.0)}
            for row in self.planning
        ]

    def _order(self, identifier: str) -> dict[str, Any]:
        order = self.orders[identifier]
        value = sum(float(line["quantity"]) * float(line["unit_cost"] or 0) for line in order["lines"])
        return {**order, "value": str(value), "line_count": len(order["lines"])}


def arrow(rows: list[dict[str, Any]], schema: pa.Schema) -> Response:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=schema), max_chunksize=500)
    return Response(sink.getvalue(), media_type="application/vnd.apache.arrow.stream")


def problem(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"code": code, "detail": detail}, status_code=status, media_type="application/problem+json")


@pytest.fixture
async def data() -> AsyncIterator[DataStandIn]:
    stand_in = DataStandIn()
    listener = socket.create_server(("127.0.0.1", 0))
    stand_in.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        stand_in.application(),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield stand_in
    server.should_exit = True
    await serving
    listener.close()


@pytest.fixture
def settings(database_url_for: Callable[[str], str], tmp_path: Path, data: DataStandIn) -> Settings:
    return Settings(
        environment="test",
        database_url=database_url_for(OWNER),
        gateway_url=data.url,
        spool_directory=tmp_path / "spool",
        run_poll_seconds=0.05,
        run_lease_seconds=2,
        boosting_rows=2000,
        boosting_trees=10,
        compute_threads=1,
    )


@pytest.fixture
async def resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(settings) as opened:
        yield opened


@pytest.fixture
def worker(resources: Resources) -> RunWorker:
    return worker_of(resources)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Requests of an administrator."""
    async with service_client(create_app(settings, TEST_KEYS), OWNER) as opened:
        yield opened


@pytest.fixture
def as_role() -> Callable[..., dict[str, str]]:
    """Headers of somebody with these roles only."""

    def headers(*roles: str, subject: str = "00000000-0000-7000-8000-0000000000aa") -> dict[str, str]:
        return identity_headers(OWNER, roles=list(roles), sub=subject)

    return headers


@pytest.fixture
def company(data: DataStandIn) -> DataStandIn:
    """Two suppliers; A0 has run out, A1 has plenty, A2 is on order, B0 comes from elsewhere, C0 cannot be trusted."""
    data.sell("A0", 8.0)
    data.sell("A1", 3.0, on_hand=500.0)
    data.sell("A2", 5.0, on_order=400.0)
    data.sell("B0", 6.0, supplier="S2", supplier_name="Supplier 2", on_hand=10.0)
    data.sell("C0", 4.0, on_hand=-2.0)
    return data


RunOnce = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def run_once(client: httpx.AsyncClient, worker: RunWorker) -> RunOnce:
    """Starts a run, lets the worker do it, returns it."""

    async def run(**body: Any) -> dict[str, Any]:
        accepted = await client.post("/v1/runs", json=body)
        assert accepted.status_code == 202, accepted.text
        assert await worker.run_once()
        return (await client.get(accepted.headers["location"])).json()

    return run


@pytest.fixture
def events(resources: Resources) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Envelopes in the outbox, in order."""

    async def read() -> list[dict[str, Any]]:
        async with resources.database.engine.connect() as connection:
            rows = await connection.execute(text("SELECT envelope FROM forecast.outbox ORDER BY sequence"))
            return [row.envelope for row in rows]

    return read


@pytest.fixture
def working() -> Callable[[RunWorker], Any]:
    """`async with working(worker):` keeps it running beside the block."""

    @asynccontextmanager
    async def beside(worker: RunWorker) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(worker.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    return beside


@pytest.fixture
def run_stored(client: httpx.AsyncClient, resources: Resources, data: DataStandIn) -> RunOnce:
    """Like `run_once`, but with forecasts taken from the demand itself instead of the computing process."""

    async def run(**body: Any) -> dict[str, Any]:
        accepted = await client.post("/v1/runs", json=body)
        queue = RunQueue(resources.database, 60)
        claim = await queue.claim()
        assert claim is not None
        await queue.keep_result(claim, *stored_result(data))
        await queue.complete(claim, await create_plan_service(resources).publish_plan(claim.id))
        return (await client.get(accepted.headers["location"])).json()

    return run


def stored_result(data: DataStandIn) -> tuple[ComputedSeries, RunOutcome]:
    """Each article's mean for ever, with normal quantiles; seasonal naive is taken to be twice as wrong."""
    totals: dict[tuple[str, str], list[float]] = {}
    for row in data.demand:
        totals.setdefault((row["sku"], row["warehouse"]), []).append(row["quantity"])
    keys = sorted(totals)
    mean = np.array([np.mean(totals[key]) for key in keys], dtype=np.float32)
    days = np.array(knots_of(28))
    scores = np.array([normal_score(level) for level in LEVELS])
    sums = mean[:, None, None] * days[None, :, None] + np.sqrt(mean[:, None, None] * days[None, :, None]) * scores
    actual = np.array([sum(totals[key][-28:]) for key in keys])
    error = np.abs(28 * mean - actual)
    count = len(keys)
    series = ComputedSeries(
        skus=[sku for sku, _ in keys],
        warehouses=[warehouse for _, warehouse in keys],
        models=["weighted_level"] * count,
        weights=np.tile(np.float32([[0.25], [0.75]]), (1, count)),
        mean=np.repeat(mean[:, None], 28, axis=1),
        daily=np.repeat((mean[:, None] * np.float32([0.5, 1, 1.5]))[:, None, :], 28, axis=1),
        sums=np.maximum(sums, 0).astype(np.float32),
        recent=mean,
        accuracy=SeriesAccuracy(actual, 28.0 * mean, error, np.ones(count)),
        naive_accuracy=SeriesAccuracy(actual, actual + 2 * error, 2 * error, np.ones(count)),
    )
    outcome = RunOutcome(
        history_start=LAST_DAY - timedelta(days=199),
        history_end=LAST_DAY,
        horizon_days=28,
        articles=count,
        model_names=("seasonal_naive", "weighted_level"),
        models={"weighted_level": count},
        accuracy={"wape_28": float(error.sum() / actual.sum()), "scored_series": count},
    )
    return series, outcome
