import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy.engine import make_url

from monitoring_service.health.domain.state import Status
from monitoring_service.health.service import PROBE_UP, StatusService, Watch
from monitoring_service.incidents.service import IncidentService
from monitoring_service.resources import Resources, open_resources
from monitoring_service.settings import Settings


def with_targets(settings: Settings, **targets: str) -> Settings:
    named = {name.replace("_", "-"): url for name, url in targets.items()}
    return settings.model_copy(update={"targets": named})


async def turns(watch: Watch, number: int) -> None:
    for _ in range(number):
        await watch.take_turn()
        await asyncio.sleep(0.03)


async def published(url: str) -> list[tuple[str, dict[str, Any]]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT type, envelope::text AS envelope FROM monitoring.outbox ORDER BY sequence"
        )
    finally:
        await connection.close()
    return [(row["type"], json.loads(row["envelope"])["data"]) for row in rows]


async def test_an_outage_opens_one_incident_tells_it_and_resolves_it(
    servers, settings: Settings, resources: Resources
) -> None:
    server = await servers()
    chosen = with_targets(settings, data_service=server.url)
    watch, incidents = Watch.of(chosen, resources), IncidentService(resources.database)
    await turns(watch, 1)
    assert await incidents.list_incidents(state=None, before=None, limit=10) == []

    await server.stop()
    await turns(watch, 4)
    [opened] = await incidents.list_incidents(state="open", before=None, limit=10)
    assert (opened.root, opened.affected, opened.severity) == ("data-service", ["data-service"], "critical")
    assert opened.summary.startswith("data-service does not answer: ")

    await server.start()
    await turns(watch, 1)
    assert len(await incidents.list_incidents(state="open", before=None, limit=10)) == 1
    await turns(watch, 2)
    resolved = await incidents.get_incident(opened.id)
    assert resolved.resolved_at is not None
    assert [entry.kind for entry in resolved.timeline] == ["opened", "recovered", "resolved"]

    told = await published(settings.database_url)
    assert [kind for kind, _ in told] == ["monitoring.alert.fired.v1", "monitoring.alert.resolved.v1"]
    for _, data in told:
        assert data["fingerprint"] == "target-down:data-service"
        assert data["service"] == "data"
        assert data["incident_id"] == str(opened.id)


async def test_the_status_says_since_when_and_how_fast(servers, settings: Settings, resources: Resources) -> None:
    server = await servers()
    chosen = with_targets(settings, data_service=server.url)
    await turns(Watch.of(chosen, resources), 2)
    status = await StatusService.of(chosen, resources).read_status()
    assert (status.overall, status.source, status.open_incidents) == ("operational", "recorded", 0)
    by_name = {target.name: target for target in status.targets}
    assert set(by_name) == {"data-service", "postgres"}
    data = by_name["data-service"]
    assert (data.status, data.previous_status) == (Status.UP, Status.UNKNOWN)
    assert data.latency_seconds is not None
    assert data.since < data.checked_at
    assert data.dependencies == {"database": {"status": "up"}}


async def test_two_replicas_ask_once_per_interval(servers, settings: Settings, resources: Resources) -> None:
    server = await servers()
    chosen = with_targets(settings, data_service=server.url).model_copy(update={"probe_interval_seconds": 30})
    watches = [Watch.of(chosen, resources) for _ in range(4)]
    await asyncio.gather(*(watch.take_turn() for watch in watches))
    await asyncio.gather(*(watch.take_turn() for watch in watches))
    assert server.asked == 1


async def test_every_replica_shows_the_figures(servers, settings: Settings, resources: Resources) -> None:
    server = await servers()
    chosen = with_targets(settings, shown_service=server.url).model_copy(update={"probe_interval_seconds": 30})
    await Watch.of(chosen, resources).take_turn()
    PROBE_UP.clear()
    await Watch.of(chosen, resources).take_turn()
    assert REGISTRY.get_sample_value("platform_probe_up", {"target": "shown-service"}) == 1


async def test_a_target_that_is_no_longer_configured_is_forgotten(
    servers, settings: Settings, resources: Resources
) -> None:
    server = await servers()
    await turns(Watch.of(with_targets(settings, old_service=server.url), resources), 1)
    await turns(Watch.of(settings, resources), 1)
    status = await StatusService.of(settings, resources).read_status()
    assert [target.name for target in status.targets] == ["postgres"]


async def test_old_results_are_forgotten_and_new_ones_kept(settings: Settings, resources: Resources) -> None:
    watch = Watch.of(settings, resources)
    await turns(watch, 3)
    long_ago = datetime.now(UTC) - timedelta(days=settings.probe_retention_days, minutes=1)
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(
        "UPDATE monitoring.probes SET at = $1 WHERE id = (SELECT id FROM monitoring.probes ORDER BY id LIMIT 1)",
        long_ago,
    )
    await watch.forget_old_results()
    left = await connection.fetchval("SELECT count(*) FROM monitoring.probes")
    await connection.close()
    assert left == 2


class Gate:
    """A TCP proxy in front of PostgreSQL that a test can close: to clients the server is then away."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for stream in self._streams:
            stream.transport.abort()
        self._streams.clear()
        await asyncio.sleep(0.05)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        self._streams |= {writer, up_writer}
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except (ConnectionError, OSError):
        return


@asynccontextmanager
async def gated(settings: Settings) -> AsyncIterator[tuple[Gate, Settings]]:
    url = make_url(settings.database_url)
    gate = Gate(url.port or 5432)
    await gate.open()
    through = url.set(port=gate.port).render_as_string(hide_password=False)
    try:
        yield gate, settings.model_copy(update={"database_url": through})
    finally:
        await gate.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_postgresql_away_is_one_incident_from_the_moment_it_began(servers, settings: Settings) -> None:
    services = [await servers() for _ in range(6)]
    names = [
        "gateway",
        "data-service",
        "forecast-service",
        "notification-service",
        "monitoring-service",
        "storage-service",
    ]
    async with gated(settings) as (gate, through):
        chosen = through.model_copy(update={"targets": {n: s.url for n, s in zip(names, services, strict=True)}})
        async with open_resources(chosen) as resources:
            watch = Watch.of(chosen, resources)
            await turns(watch, 2)

            await gate.close()
            away_since = datetime.now(UTC)
            for service in services:
                service.status = 503
                service.body = {"status": "unavailable", "dependencies": {"database": {"status": "down"}}}
            await turns(watch, 3)
            back_at = datetime.now(UTC)

            live = await StatusService.of(chosen, resources).read_status()
            assert (live.source, live.overall, live.open_incidents) == ("live", "outage", None)
            assert REGISTRY.get_sample_value("platform_probe_up", {"target": "postgres"}) == 0

            await gate.open()
            for service in services:
                service.status, service.body = 200, {"status": "ready", "dependencies": {"database": {"status": "up"}}}
            await turns(watch, 4)

            [incident] = await IncidentService(resources.database).list_incidents(state=None, before=None, limit=10)
            incident = await IncidentService(resources.database).get_incident(incident.id)
    assert incident.root == "postgres"
    assert away_since <= incident.opened_at <= back_at
    assert incident.resolved_at is not None
    kinds = [entry.kind for entry in incident.timeline]
    assert kinds[0] == "opened"
    assert kinds.count("affected") == 6
    assert kinds.count("recovered") == 7
    assert kinds[-1] == "resolved"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_without_its_database_lists_answer_503_and_the_status_still_answers(
    servers, settings: Settings, client_of: Callable[..., Any]
) -> None:
    server = await servers()
    async with gated(with_targets(settings, data_service=server.url)) as (gate, through), client_of(through) as client:
        assert (await client.get("/v1/incidents")).status_code == 200
        await gate.close()
        for path in ("/v1/incidents", "/v1/probes", "/v1/alerts", "/v1/activity"):
            response = await client.get(path)
            assert response.status_code == 503, path
            assert response.json()["code"] == "database_unavailable"
        answers = await asyncio.gather(*(client.get("/v1/status") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert answers[0].json()["source"] == "live"
        assert server.asked == 1
        page = await client.get("/v1/status-page")
        assert page.status_code == 200
        assert "The monitoring database is away" in page.text
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
