"""The whole platform on one machine: infrastructure, databases, the six services, one supervisor."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.access import ADMINISTRATOR_FILE, write_administrator
from local.bootstrap import prepare_database
from local.display import Display
from local.environment import ADMIN_EMAIL, Environment
from local.errors import UsageError
from local.infrastructure.guard import Guard
from local.infrastructure.ports import LOOPBACK, free_port, is_free
from local.infrastructure.processes import Launch
from local.infrastructure.prometheus import AlertmanagerServer, PrometheusServer, Scraping, Webhook
from local.infrastructure.server import Server
from local.infrastructure.stack import Bus, open_infrastructure
from local.infrastructure.state import StateFolder
from local.services import GATEWAY, SERVICES, Service
from local.supervisor import ServiceLaunch, Supervisor

DEFAULT_PORT = 8080
_START_SECONDS = 120.0


@dataclass(frozen=True)
class PlatformOptions:
    """`port`: of the gateway; None means the last one used, else 8080."""

    state: Path
    bus: Bus = "embedded"
    port: int | None = None
    with_monitoring: bool = False


@dataclass(frozen=True)
class Platform:
    """`is_new`: this start made the first administrator."""

    state: StateFolder
    url: str
    supervisor: Supervisor
    is_new: bool
    administrator: tuple[str, str]
    links: Mapping[str, str]

    def remember(self, **facts: Any) -> None:
        self.state.describe({**self.state.description(), **facts})


@contextmanager
def running_platform(options: PlatformOptions, user: Mapping[str, str], display: Display) -> Iterator[Platform]:
    """Everything is up inside the block and gone after it; `user` is the environment.

    Raises:
        AlreadyRunningError: another process runs on this state folder.
        LocalError: something did not start; the text holds the end of its log.
    """
    state = StateFolder(options.state)
    with ExitStack() as stack:
        stack.enter_context(state.locked())
        guard = stack.enter_context(Guard())
        ports = _remembered_ports(state)
        display.line("Starting the database, the cache and the bus …")
        infrastructure = stack.enter_context(open_infrastructure(state.root, options.bus, user, ports))
        service_ports = _service_ports(options, ports, user, display)
        environment = Environment(state, infrastructure, service_ports, user)
        prepare_database(infrastructure.admin_database_url, environment, state.logs, display.line)
        monitoring = _open_monitoring(stack, state, environment, ports) if options.with_monitoring else ()
        supervisor = Supervisor(guard, (*infrastructure.servers, *monitoring), report=display.line)
        display.line(f"Starting {', '.join(service.name for service in SERVICES)} …")
        stack.callback(supervisor.stop)
        supervisor.start([_launch(service, environment, state) for service in SERVICES])
        supervisor.wait_until_serving(_START_SECONDS)
        is_new = not (state.secrets / ADMINISTRATOR_FILE).exists()
        platform = Platform(
            state=state,
            url=environment.gateway_url,
            supervisor=supervisor,
            is_new=is_new,
            administrator=_write_administrator(state, environment),
            links={server.name: server.url for server in monitoring},
        )
        platform.remember(
            url=platform.url,
            pid=os.getpid(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            ports={**infrastructure.ports, **service_ports, **{each.name.lower(): each.port for each in monitoring}},
            sources=dict(infrastructure.sources),
        )
        yield platform


def _remembered_ports(state: StateFolder) -> dict[str, int]:
    ports = state.description().get("ports") or {}
    return {str(name): int(port) for name, port in ports.items()}


def _service_ports(
    options: PlatformOptions, remembered: Mapping[str, int], user: Mapping[str, str], display: Display
) -> dict[str, int]:
    ports = {}
    for service in SERVICES:
        given = user.get(f"{service.prefix}PORT")
        if given:
            ports[service.owner] = _port(given, f"{service.prefix}PORT")
        elif service == GATEWAY:
            wanted = options.port or remembered.get(service.owner, DEFAULT_PORT)
            ports[service.owner] = _next_free(wanted)
            if ports[service.owner] != wanted:
                display.line(f"Port {wanted} is taken; the gateway listens on {ports[service.owner]} instead.")
        else:
            ports[service.owner] = free_port(remembered.get(service.owner))
    return ports


def _port(text: str, name: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise UsageError(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def _next_free(wanted: int) -> int:
    return next((port for port in range(wanted, min(wanted + 100, 65536)) if is_free(port)), None) or free_port()


def _launch(service: Service, environment: Environment, state: StateFolder) -> ServiceLaunch:
    launch = Launch(
        name=service.name,
        command=[sys.executable, "-m", f"{service.package}.main"],
        log=state.logs / f"{service.name}.log",
        environment=environment.of(service),
        folder=state.root,
    )
    return ServiceLaunch(launch, f"{environment.url_of(service)}/health/live")


def _write_administrator(state: StateFolder, environment: Environment) -> tuple[str, str]:
    settings = environment.of(GATEWAY)
    administrator = (settings.get("GATEWAY_ADMIN_EMAIL", ADMIN_EMAIL), settings["GATEWAY_ADMIN_PASSWORD"])
    write_administrator(state, *administrator)
    return administrator


def _open_monitoring(
    stack: ExitStack, state: StateFolder, environment: Environment, ports: Mapping[str, int]
) -> tuple[Server, ...]:
    """Prometheus with monitoring-service's rules scrapes this machine; Alertmanager reports to monitoring-service."""
    monitoring = next(service for service in SERVICES if service.owner == "monitoring")
    settings = environment.of(monitoring)
    webhook = Webhook(f"{environment.url_of(monitoring)}/v1/alerts", settings["MONITORING_ALERT_WEBHOOK_TOKEN"])
    alertmanager = stack.enter_context(AlertmanagerServer(state.root, webhook, ports.get("alertmanager")))
    scraping = Scraping(
        configuration=monitoring.folder / "prometheus",
        services={service.owner: environment.url_of(service).removeprefix("http://") for service in SERVICES},
        alertmanager=f"{LOOPBACK}:{alertmanager.port}",
    )
    prometheus = stack.enter_context(PrometheusServer(state.root, scraping, ports.get("prometheus")))
    return (prometheus, alertmanager)
