"""From a dead process to a stored alert, through the real Prometheus and the real Alertmanager."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml

from local.infrastructure.ports import free_port
from monitoring_service.app import create_app
from monitoring_service.settings import Settings
from shared.testing.identities import TEST_KEYS, identity_headers

SERVICE = Path(__file__).resolve().parents[3]
PROMETHEUS, ALERTMANAGER = shutil.which("prometheus"), shutil.which("prometheus-alertmanager")
pytestmark = [
    pytest.mark.skipif(
        PROMETHEUS is None or ALERTMANAGER is None,
        reason="prometheus or prometheus-alertmanager is not installed (Debian packages of these names)",
    ),
    pytest.mark.timeout(180),
]


@asynccontextmanager
async def process(log: Path, *command: str) -> AsyncIterator[None]:
    with log.open("wb") as output:
        child = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, cwd=log.parent)
        try:
            yield
        finally:
            child.terminate()
            await child.wait()


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings, TEST_KEYS), log_config=None, access_log=False, loop="asyncio")
    )
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


def quick(path: Path, target: Path, replacements: dict[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    yaml.safe_load(text)
    target.write_text(text, encoding="utf-8")


def write_configuration(folder: Path, service: str, dead: str, alertmanager: str) -> None:
    """The files of this repository with shorter times, other addresses and nothing else changed."""
    (folder / "rules").mkdir()
    (folder / "targets").mkdir()
    (folder / "alertmanagers").mkdir()
    quick(
        SERVICE / "prometheus/prometheus.yml",
        folder / "prometheus.yml",
        {"_interval: 15s": "_interval: 1s", "scrape_timeout: 10s": "scrape_timeout: 1s"},
    )
    shutil.copy(SERVICE / "prometheus/rules/recording.yml", folder / "rules")
    quick(SERVICE / "prometheus/rules/alerts.yml", folder / "rules/alerts.yml", {"for: 1m\n": "for: 2s\n"})
    quick(
        SERVICE / "alertmanager/alertmanager.yml",
        folder / "alertmanager.yml",
        {
            "http://monitoring-service:8000": f"http://{service}",
            "/run/secrets/alert_webhook_token": str(folder / "token"),
            "group_wait: 10s": "group_wait: 1s",
            "group_interval: 1m": "group_interval: 1s",
        },
    )
    (folder / "token").write_text("alertmanager-token", encoding="utf-8")
    targets = [
        {"targets": [service], "labels": {"service": "monitoring", "component": "api"}},
        {"targets": [dead], "labels": {"service": "data", "component": "worker"}},
    ]
    (folder / "targets/services.json").write_text(json.dumps(targets), encoding="utf-8")
    (folder / "alertmanagers/local.json").write_text(json.dumps([{"targets": [alertmanager]}]), encoding="utf-8")


async def eventually(ask: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    for _ in range(int(seconds * 5)):
        if found := await ask():
            return found
        await asyncio.sleep(0.2)
    pytest.fail(f"did not happen within {seconds} s")


async def test_a_dead_worker_becomes_an_alert_and_its_return_resolves_it(
    tmp_path: Path, settings: Settings, servers: Callable[[], Awaitable[Any]]
) -> None:
    worker = await servers()
    worker.body = b"up_and_running 1\n"
    await worker.stop()
    prometheus, alertmanager = (f"127.0.0.1:{free_port()}" for _ in range(2))
    chosen = settings.model_copy(update={"worker_in_process": True, "probe_interval_seconds": 1})
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(served(chosen))
        write_configuration(tmp_path, service, f"127.0.0.1:{worker.port}", alertmanager)
        for name, command in {
            "prometheus": [
                str(PROMETHEUS),
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/tsdb",
                f"--web.listen-address={prometheus}",
            ],
            "alertmanager": [
                str(ALERTMANAGER),
                f"--config.file={tmp_path}/alertmanager.yml",
                f"--storage.path={tmp_path}/alerts",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            ],
        }.items():
            await stack.enter_async_context(process(tmp_path / f"{name}.log", *command))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))

        async def stored(status: str) -> Any:
            answer = await client.get(
                f"http://{service}/v1/alerts", params={"status": status}, headers=identity_headers("monitoring")
            )
            return [item for item in answer.json()["items"] if item["name"] == "ServiceDown"]

        [firing] = await eventually(lambda: stored("firing"))
        assert (firing["service"], firing["severity"]) == ("data", "critical")
        assert firing["summary"] == "data (worker) does not answer its scrape"

        answer = await client.get(f"http://{prometheus}/api/v1/query", params={"query": "platform_probe_up"})
        probed = {row["metric"]["target"]: row["value"][1] for row in answer.json()["data"]["result"]}
        assert probed["postgres"] == "1"

        await worker.start()
        [resolved] = await eventually(lambda: stored("resolved"))
        assert resolved["fingerprint"] == firing["fingerprint"]
        assert resolved["starts_at"] == firing["starts_at"]
