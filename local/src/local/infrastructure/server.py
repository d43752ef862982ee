"""What all launchers share: one lock per data folder, start until ready, stop, crash, restart."""

import contextlib
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from local.errors import LocalError
from local.infrastructure.ports import free_port, is_free
from local.infrastructure.processes import ChildProcess, Launch, log_tail, wait_until
from local.infrastructure.state import exclusive

_PORT_ATTEMPTS = 3


class Server(ABC):
    """A private server process; use it as a context manager.

    `port` is the preferred one; when it is taken another is chosen, so read `server.port` after the start.
    """

    name: ClassVar[str]
    source: str  # where the binaries come from
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    ready_timeout_seconds: ClassVar[float] = 30.0
    stop_timeout_seconds: ClassVar[float] = 20.0

    def __init__(self, home: Path, log: Path, port: int | None) -> None:
        self.home = home
        self.log = log
        self.port = free_port(port)
        self._has_served = False
        self._process: ChildProcess | None = None
        self._held = contextlib.ExitStack()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients reach it, credentials included."""

    @abstractmethod
    def _launch(self) -> Launch:
        """The command that starts the server on `self.port`."""

    @abstractmethod
    def _is_ready(self) -> bool: ...

    @abstractmethod
    def _before_start(self) -> None:
        """Make the data folder if it is missing and end what a crashed predecessor left running."""

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LocalError(f"{self.name} is not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        refusal = f"{self.name} is already running with the folder {self.home}."
        with contextlib.ExitStack() as held:
            held.enter_context(exclusive(self.home / "launcher.lock", refusal))
            self.start()
            held.callback(self.stop)
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def start(self) -> None:
        """Start and wait until ready; a race for the port that is lost at the first start is run again on another."""
        if self.running:
            return
        for _ in range(_PORT_ATTEMPTS):
            self._before_start()
            process = self._process = ChildProcess.start(self._launch())
            if self._becomes_ready(process):
                self._has_served = True
                return
            lost_the_port = not process.running and not is_free(self.port)
            process.stop(signal.SIGKILL)
            if not lost_the_port or self._has_served:
                break
            self.port = free_port()
        raise LocalError(f"{self.name} did not start. The end of {self.log}:\n{log_tail(self.log)}")

    def _becomes_ready(self, process: ChildProcess) -> bool:
        wait_until(lambda: not process.running or self._is_ready(), self.ready_timeout_seconds)
        return process.running and self._is_ready()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(self.stop_signal, self.stop_timeout_seconds)

    def kill(self) -> None:
        """Crash it: SIGKILL, as a power cut would."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Start again on the same port and data, after `kill` or `stop` or while it runs."""
        self.stop()
        self.start()
