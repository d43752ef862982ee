"""Prometheus and Alertmanager from the machine's binaries, scraping the services of this machine."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from local.errors import LocalError
from local.infrastructure.ports import LOOPBACK, answers
from local.infrastructure.processes import Launch
from local.infrastructure.server import Server
from local.infrastructure.state import write_private


@dataclass(frozen=True)
class Scraping:
    """`targets`: job name to host:port; `rule_files`: alert and recording rules; times in seconds."""

    targets: Mapping[str, str]
    rule_files: Sequence[Path] = field(default_factory=tuple)
    alertmanager: str | None = None
    interval_seconds: int = 15


class PrometheusServer(Server):
    name: ClassVar[str] = "Prometheus"

    def __init__(self, state_directory: Path, scraping: Scraping, port: int | None = None) -> None:
        state_directory = state_directory.resolve()
        super().__init__(state_directory / "prometheus", state_directory / "logs" / "prometheus.log", port)
        self._binary = find_binary("prometheus")
        self.source = f"machine, {self._binary}"
        self._scraping = scraping

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def configuration(self) -> dict[str, Any]:
        scraping = self._scraping
        interval = f"{scraping.interval_seconds}s"
        content: dict[str, Any] = {
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(path) for path in scraping.rule_files],
            "scrape_configs": [
                {"job_name": name, "static_configs": [{"targets": [address]}]}
                for name, address in scraping.targets.items()
            ],
        }
        if scraping.alertmanager:
            content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [scraping.alertmanager]}]}]}
        return content

    def _before_start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _launch(self) -> Launch:
        file = write_private(self.home / "prometheus.yml", json.dumps(self.configuration(), indent=2))  # JSON is YAML
        command = [
            self._binary,
            f"--config.file={file}",
            f"--storage.tsdb.path={self.home / 'data'}",
            "--storage.tsdb.retention.time=2d",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        ]
        return Launch(name=self.name, command=command, log=self.log, folder=self.home)

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")


@dataclass(frozen=True)
class Webhook:
    """Where Alertmanager reports to, with the bearer token it shows there."""

    url: str
    token: str


class AlertmanagerServer(Server):
    name: ClassVar[str] = "Alertmanager"

    def __init__(self, state_directory: Path, webhook: Webhook, port: int | None = None) -> None:
        state_directory = state_directory.resolve()
        super().__init__(state_directory / "alertmanager", state_directory / "logs" / "alertmanager.log", port)
        self._binary = find_binary("prometheus-alertmanager", "alertmanager")
        self.source = f"machine, {self._binary}"
        self._webhook = webhook

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _before_start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _launch(self) -> Launch:
        receiver = {
            "url": self._webhook.url,
            "send_resolved": True,
            "http_config": {"authorization": {"credentials": self._webhook.token}},
        }
        content = {
            "route": {"receiver": "monitoring", "group_by": ["alertname"], "group_wait": "5s", "repeat_interval": "4h"},
            "receivers": [{"name": "monitoring", "webhook_configs": [receiver]}],
        }
        file = write_private(self.home / "alertmanager.yml", json.dumps(content, indent=2))
        command = [
            self._binary,
            f"--config.file={file}",
            f"--storage.path={self.home / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--cluster.listen-address=",
        ]
        return Launch(name=self.name, command=command, log=self.log, folder=self.home)

    def _is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")


def find_binary(*names: str) -> str:
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise LocalError(
        f"{names[0]} is not installed on this machine. Debian: apt-get install prometheus prometheus-alertmanager."
    )
