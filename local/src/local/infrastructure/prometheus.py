"""Prometheus and Alertmanager from the machine's binaries, scraping the services of this machine."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local.errors import LocalError
from local.infrastructure.ports import LOOPBACK, answers
from local.infrastructure.processes import Launch
from local.infrastructure.server import Server
from local.infrastructure.state import write_private


@dataclass(frozen=True)
class Scraping:
    """`configuration`: folder with prometheus.yml, which finds targets in files; `services`: owner to host:port."""

    configuration: Path
    services: Mapping[str, str]
    alertmanager: str | None = None


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

    def _before_start(self) -> None:
        """A copy of the configuration, with the processes of this machine in place of the containers."""
        scraping, copy = self._scraping, self.home / "configuration"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(scraping.configuration, copy, ignore=shutil.ignore_patterns("targets", "alertmanagers"))
        services = [
            {"targets": [address], "labels": {"service": owner, "component": "api"}}
            for owner, address in scraping.services.items()
        ]
        servers = [{"targets": [f"{LOOPBACK}:{self.port}"], "labels": {"server": "prometheus"}}]
        alertmanagers = []
        if scraping.alertmanager:
            alertmanagers.append({"targets": [scraping.alertmanager]})
            servers.append({"targets": [scraping.alertmanager], "labels": {"server": "alertmanager"}})
        write_private(copy / "targets" / "services.json", json.dumps(services))
        write_private(copy / "targets" / "servers.json", json.dumps(servers))
        write_private(copy / "alertmanagers" / "alertmanager.json", json.dumps(alertmanagers))

    def _launch(self) -> Launch:
        command = [
            self._binary,
            f"--config.file={self.home / 'configuration' / 'prometheus.yml'}",
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
