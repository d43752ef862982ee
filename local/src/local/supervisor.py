"""Keeps servers and services running: a crashed one is started again, later and later when it keeps crashing."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from local.errors import LocalError
from local.infrastructure.guard import Guard
from local.infrastructure.ports import answers
from local.infrastructure.processes import ChildProcess, Launch, log_tail
from local.infrastructure.server import Server

STOP_SECONDS = 28.0  # the services give requests in hand 25


@dataclass(frozen=True)
class Backoff:
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    forgiven_after_seconds: float = 60.0

    def delay(self, failures: int) -> float:
        return float(min(self.longest_seconds, self.first_seconds * 2 ** min(failures - 1, 20)))


@dataclass(frozen=True)
class ServiceLaunch:
    """`live_url` answers 200 as soon as the service serves."""

    launch: Launch
    live_url: str


@dataclass
class _Supervised:
    service: ServiceLaunch
    child: ChildProcess
    started_at: float
    failures: int = 0
    due_at: float | None = None
    has_served: bool = False


@dataclass
class Supervisor:
    guard: Guard
    servers: Sequence[Server] = ()
    backoff: Backoff = field(default_factory=Backoff)
    report: Callable[[str], None] = print
    _services: dict[str, _Supervised] = field(default_factory=dict)

    def start(self, services: Sequence[ServiceLaunch]) -> None:
        for server in self.servers:
            self.guard.watch(server.name, server.pid, server.stop_signal)
        for service in services:
            self._services[service.launch.name] = _Supervised(service, self._spawn(service.launch), time.monotonic())

    def pid_of(self, name: str) -> int:
        return self._services[name].child.pid

    def check(self) -> None:
        """Start again what has crashed and is due; call it a few times a second, from the main thread."""
        for server in self.servers:
            if not server.running:
                self.report(f"{server.name} ended unexpectedly; starting it again. Log: {server.log}")
                server.start()
                self.guard.watch(server.name, server.pid, server.stop_signal)
        for supervised in self._services.values():
            self._check_service(supervised)

    def _check_service(self, supervised: _Supervised) -> None:
        now = time.monotonic()
        if supervised.child.running:
            if now - supervised.started_at > self.backoff.forgiven_after_seconds:
                supervised.failures = 0
        elif supervised.due_at is None:
            supervised.child.end_group()
            supervised.failures += 1
            delay = self.backoff.delay(supervised.failures)
            supervised.due_at = now + delay
            self.report(
                f"{supervised.child.name} ended with exit code {supervised.child.exit_code}; "
                f"starting it again in {delay:.1f} s. Log: {supervised.child.log}"
            )
        elif now >= supervised.due_at:
            supervised.child = self._spawn(supervised.service.launch)
            supervised.started_at, supervised.due_at = now, None

    def _spawn(self, launch: Launch) -> ChildProcess:
        child = ChildProcess.start(launch)
        self.guard.watch(launch.name, child.pid)
        return child

    def wait_until_serving(self, timeout_seconds: float, attempts: int = 3) -> None:
        """Returns when every service has answered.

        Raises:
            LocalError: one kept crashing or did not answer in time; the end of its log is in the text.
        """
        deadline = time.monotonic() + timeout_seconds
        while waiting := [each for each in self._services.values() if not each.has_served]:
            for supervised in waiting:
                supervised.has_served = supervised.child.running and answers(supervised.service.live_url)
                is_hopeless = supervised.failures >= attempts or time.monotonic() > deadline
                if is_hopeless and not supervised.has_served:
                    child = supervised.child
                    raise LocalError(f"{child.name} does not start. End of {child.log}:\n{log_tail(child.log)}")
            self.check()
            time.sleep(0.05)

    def stop(self) -> None:
        """All at once; each has 28 seconds to end by itself."""
        running = [each.child for each in self._services.values() if each.child.running]
        for child in running:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in running:
            child.wait(max(0.0, deadline - time.monotonic()))
        for supervised in self._services.values():
            supervised.child.end_group()
