"""The watch over the file of routes: what is whole is taken, whatever the way it came; what is broken is kept out."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from gateway.access.adapters import DEFAULT_FILE
from gateway.access.domain import RouteTable
from gateway.access.jobs import RoutesWatch
from gateway.access.service import RouteTables

INTERVAL = 0.02
OWNERS = ("data", "forecast", "notification", "monitoring", "storage")
PLAIN = DEFAULT_FILE.read_text()
END = "...\n"


def with_route(name: str, service: str = "data") -> str:
    """The package's table with one more route."""
    head = f"  {service}:\n    prefix: {'/api/v1/data' if service == 'data' else '/api/v1/' + service}\n"
    if service == "data":
        return PLAIN.replace("      /warehouses: {GET:", f"      /{name}: {{GET: everyone}}\n      /warehouses: {{GET:")
    return PLAIN.replace(END, f"\n{head}    becomes: /v1\n    routes:\n      /{name}: {{GET: everyone}}\n{END}")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- what is waited for happens to a file and a gauge
            await asyncio.sleep(INTERVAL / 4)


class Watched:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables = RouteTables(path, OWNERS)
        self.used: list[RouteTable] = []
        self.watch = RoutesWatch(self.tables, self.used.append, INTERVAL)

    def serves(self, name: str) -> bool:
        return self.tables.current.match(f"/api/v1/data/{name}".encode()) is not None

    async def rest(self) -> None:
        """Long enough for the watch to look several times."""
        await asyncio.sleep(8 * INTERVAL)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    path = tmp_path / "routes.yaml"
    path.write_text(PLAIN)
    watched = Watched(path)
    task = asyncio.create_task(watched.watch.run())
    await watched.rest()
    yield watched
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_an_unchanged_file_is_left_alone(watched: Watched) -> None:
    before = watched.tables.current
    watched.path.touch()
    watched.path.write_text(PLAIN)
    await watched.rest()
    assert watched.used == []
    assert watched.tables.current is before


async def test_a_file_written_in_place_is_taken(watched: Watched) -> None:
    applied, before = metric("gateway_routes_reloads_total", outcome="applied"), watched.tables.current
    watched.path.write_text(with_route("novelties"))
    await until(lambda: watched.serves("novelties"))
    assert watched.used == [watched.tables.current]
    assert before.match(b"/api/v1/data/novelties") is None
    assert metric("gateway_routes_reloads_total", outcome="applied") == applied + 1
    assert metric("gateway_routes_loaded_timestamp_seconds") > 1_700_000_000


async def test_a_file_renamed_over_the_old_one_is_taken(watched: Watched) -> None:
    other = watched.path.with_name("other.yaml")
    other.write_text(with_route("novelties"))
    other.rename(watched.path)
    await until(lambda: watched.serves("novelties"))


async def test_a_config_map_changed_over_by_its_link_is_taken(tmp_path: Path) -> None:
    """Kubernetes: routes.yaml → ..data/routes.yaml, ..data → a folder; the update renames a new ..data over the old."""
    for name, content in (("first", PLAIN), ("second", with_route("novelties"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "routes.yaml").write_text(content)
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "routes.yaml").symlink_to("..data/routes.yaml")
    watched = Watched(tmp_path / "routes.yaml")
    task = asyncio.create_task(watched.watch.run())
    await watched.rest()
    (tmp_path / "..data_tmp").symlink_to("second")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    await until(lambda: watched.serves("novelties"))
    task.cancel()


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "services: [",
        PLAIN[: PLAIN.index("  storage:")],
        PLAIN.replace(END, "surplus: 1\n" + END),
        with_route("parcels", service="parcels"),
        "\x00\x01",
    ],
)
async def test_a_broken_file_is_kept_out_and_the_next_good_one_taken(watched: Watched, broken: str) -> None:
    refused, before = metric("gateway_routes_reloads_total", outcome="refused"), watched.tables.current
    watched.path.write_text(broken)
    await until(lambda: metric("gateway_routes_valid") == 0)
    await watched.rest()
    assert watched.tables.current is before
    assert watched.used == []
    assert metric("gateway_routes_reloads_total", outcome="refused") == refused + 1, "said once, not every second"
    watched.path.write_text(with_route("novelties"))
    await until(lambda: watched.serves("novelties"))
    assert metric("gateway_routes_valid") == 1


async def test_a_vanished_file_changes_nothing_and_its_return_is_noticed(watched: Watched) -> None:
    before = watched.tables.current
    watched.path.unlink()
    await until(lambda: metric("gateway_routes_valid") == 0)
    assert watched.tables.current is before
    watched.path.write_text(PLAIN)
    await until(lambda: metric("gateway_routes_valid") == 1)
    assert watched.tables.current is before


async def test_a_file_still_being_written_is_not_taken_half(watched: Watched) -> None:
    """Every prefix of this file that ends after a route would be a valid table with routes missing."""
    count = len(watched.tables.current.routes)
    lines = with_route("novelties").splitlines(keepends=True)
    with watched.path.open("w") as file:
        for start in range(0, len(lines), 8):
            file.writelines(lines[start : start + 8])
            file.flush()
            await asyncio.sleep(INTERVAL / 3)
    await until(lambda: watched.serves("novelties"))
    assert [len(table.routes) for table in watched.used] == [count + 1]


async def test_a_table_the_gateway_cannot_use_is_not_adopted(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(PLAIN)
    tables = RouteTables(path, OWNERS)
    before = tables.current

    def refuse(table: RouteTable) -> None:
        raise RuntimeError("no room for another service")

    task = asyncio.create_task(RoutesWatch(tables, refuse, INTERVAL).run())
    await asyncio.sleep(4 * INTERVAL)
    path.write_text(with_route("novelties"))
    await until(lambda: metric("gateway_routes_valid") == 0)
    assert tables.current is before
    assert not task.done()
    task.cancel()


async def test_a_hangup_reads_at_once(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(PLAIN)
    tables = RouteTables(path, OWNERS)
    task = asyncio.create_task(RoutesWatch(tables, lambda table: None, interval_seconds=60).run())
    await asyncio.sleep(INTERVAL)
    path.write_text(with_route("novelties"))
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: tables.current.match(b"/api/v1/data/novelties") is not None)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
