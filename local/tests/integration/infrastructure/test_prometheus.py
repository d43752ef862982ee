"""Prometheus scrapes what it is told to, and Alertmanager reports with its token."""

import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.infrastructure.ports import LOOPBACK
from local.infrastructure.processes import wait_until
from local.infrastructure.prometheus import AlertmanagerServer, PrometheusServer, Scraping, Webhook

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed on this machine"
)
CONFIGURATION = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
alerting: {alertmanagers: [{file_sd_configs: [{files: [alertmanagers/*.json]}]}]}
scrape_configs: [{job_name: services, file_sd_configs: [{files: [targets/services*.json]}]}]
"""
RULE = """
groups: [{name: test, rules: [{alert: TooMuch, expr: "sample_value > 1"}]}]
"""
CONTAINERS = '[{"targets": ["data-service:8000"], "labels": {"service": "data"}}]'


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """As monitoring-service ships it for containers."""
    folder = tmp_path / "prometheus-of-the-service"
    files = {"prometheus.yml": CONFIGURATION, "rules/alerts.yml": RULE, "targets/services.json": CONTAINERS}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


class Service(ThreadingHTTPServer):
    """Serves one metric and takes alerts."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.alerts: list[tuple[str | None, dict[str, Any]]] = []


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        body = b"# TYPE sample_value gauge\nsample_value 42\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.alerts.append((self.headers.get("Authorization"), content))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def query(url: str, expression: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?query={expression}", timeout=5) as answer:
        return json.load(answer)["data"]["result"]


def test_a_metric_over_its_limit_becomes_an_alert_at_the_webhook(
    service: Service, configuration: Path, tmp_path: Path
) -> None:
    webhook = Webhook(f"http://{LOOPBACK}:{service.server_port}/v1/alerts", "token-1")
    with AlertmanagerServer(tmp_path, webhook) as alertmanager:
        scraping = Scraping(
            configuration=configuration,
            services={"data": f"{LOOPBACK}:{service.server_port}"},
            alertmanager=f"{LOOPBACK}:{alertmanager.port}",
        )
        with PrometheusServer(tmp_path, scraping) as prometheus:
            assert wait_until(lambda: bool(query(prometheus.url, "sample_value")), 20, 0.2)
            labels = query(prometheus.url, "sample_value")[0]["metric"]
            assert wait_until(lambda: bool(service.alerts), 40, 0.2)
    assert (labels["service"], labels["component"]) == ("data", "api")
    authorization, content = service.alerts[0]
    assert authorization == "Bearer token-1"
    assert content["alerts"][0]["labels"]["alertname"] == "TooMuch"
    assert (configuration / "targets" / "services.json").read_text() == CONTAINERS
