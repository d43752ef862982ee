"""A private RabbitMQ node from the machine's binaries: own ports, own epmd, own cookie, own user."""

import contextlib
import os
import shutil
import signal
import socket
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import quote

from local.errors import LocalError
from local.infrastructure.ports import LOOPBACK, accepts_connections, free_port
from local.infrastructure.processes import ChildProcess, Launch, wait_until
from local.infrastructure.server import Server
from local.infrastructure.state import secret, write_private

_USER = "procurement"
_SCRIPTS = (
    Path("/usr/lib/rabbitmq/bin"),
    Path("/opt/homebrew/opt/rabbitmq/sbin"),
    Path("/usr/local/opt/rabbitmq/sbin"),
)
_EPMD_FOLDERS = ("/usr/lib/erlang/erts-*/bin", "/usr/lib/erlang/bin")
_ERLANG_FLAGS = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"


def start_rabbitmq(state_directory: Path, port: int | None = None) -> "RabbitmqServer":
    """A context manager that runs RabbitMQ on the state folder; the first start takes 4-10 seconds.

    Raises:
        AlreadyRunningError: another process runs RabbitMQ on this state folder.
        LocalError: it is not installed on this machine, or it does not start.
    """
    return RabbitmqServer(state_directory, port)


class RabbitmqServer(Server):
    name: ClassVar[str] = "RabbitMQ"
    ready_timeout_seconds: ClassVar[float] = 120.0
    stop_timeout_seconds: ClassVar[float] = 30.0

    def __init__(self, state_directory: Path, port: int | None) -> None:
        state_directory = state_directory.resolve()
        super().__init__(state_directory / "rabbitmq", state_directory / "logs" / "rabbitmq.log", port)
        self._script, self._epmd_binary = find_rabbitmq()
        self.source = f"machine, {self._script}"
        self.password = secret(state_directory, "rabbitmq_password")
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._epmd: ChildProcess | None = None

    @property
    def url(self) -> str:
        return f"amqp://{_USER}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/%2F"

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self._stop_epmd()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._stop_epmd()

    def _stop_epmd(self) -> None:
        if self._epmd is not None:
            self._epmd.stop(signal.SIGKILL)

    def _before_start(self) -> None:
        for folder in ("home", "logs"):
            (self.home / folder).mkdir(mode=0o700, exist_ok=True)
        write_private(self.home / "enabled_plugins", "[].\n")

        if self._epmd is None or not self._epmd.running:
            self._start_epmd()

    def _start_epmd(self) -> None:
        """Erlang's port mapper outlives a crash of the node, and frees the node's name when its connection breaks."""
        command = [str(self._epmd_binary), "-port", str(self._epmd_port), "-address", LOOPBACK]
        self._epmd = ChildProcess.start(Launch(name="epmd", command=command, log=self.log, folder=self.home))
        if not wait_until(lambda: accepts_connections(self._epmd_port), 10):
            raise LocalError(f"Erlang's port mapper {self._epmd_binary} does not answer on port {self._epmd_port}.")

    def _launch(self) -> Launch:
        write_private(self.home / "rabbitmq.conf", self._configuration())
        return Launch(
            name=self.name,
            command=[str(self._script)],
            log=self.log,
            environment=self._environment(),
            folder=self.home,
        )

    def _configuration(self) -> str:
        settings = {
            "listeners.tcp.local": f"{LOOPBACK}:{self.port}",
            "default_user": _USER,
            "default_pass": self.password,
            "log.console": "true",
            "log.console.level": "warning",
            "vm_memory_high_watermark.absolute": "512MB",
            "disk_free_limit.absolute": "50MB",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _environment(self) -> dict[str, str]:
        """RUNNING_UNDER_SYSTEMD makes the start script exec the virtual machine, so that the child is the node."""
        return {
            "PATH": f"{self._epmd_binary.parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home / "home"),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": "procurement@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(self.home / "logs"),
            "ERL_CRASH_DUMP": str(self.home / "erl_crash.dump"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_FLAGS,
        }

    def _is_ready(self) -> bool:
        """A node that accepts AMQP answers the protocol header with a method frame (type 1)."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
        return False


def find_rabbitmq() -> tuple[Path, Path]:
    """The start script (not the packaged wrapper, which insists on root) and Erlang's port mapper."""
    on_path = shutil.which("rabbitmq-server")
    folders = [*_SCRIPTS, *([Path(on_path).resolve().parent] if on_path else [])]
    script = next((folder / "rabbitmq-server" for folder in folders if (folder / "rabbitmq-env").exists()), None)
    epmd = shutil.which("epmd") or next(
        (str(path) for each in _EPMD_FOLDERS for path in Path("/").glob(f"{each[1:]}/epmd")), None
    )
    if script is None or epmd is None:
        raise LocalError(
            "RabbitMQ is not installed on this machine. Install it (Debian: apt-get install rabbitmq-server), give the "
            "address of a broker in BROKER_URL, or leave out --bus rabbitmq: events then travel through PostgreSQL."
        )
    return script, Path(epmd)
