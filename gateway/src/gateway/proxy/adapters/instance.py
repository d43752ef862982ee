"""One of the processes a service runs as: its connections, and whether it may be asked at present."""

from collections import deque
from dataclasses import dataclass

from gateway.proxy.adapters.connection import UpstreamConnection

_FAILURES_TO_EJECT = 3
_EJECTED_SECONDS = 5.0
_MAX_EJECTED_SECONDS = 60.0


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Instance:
    """Left out after three failures in a row, each time for longer; one more failure then ejects it again."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.authority = address.authority.encode("ascii")
        self.idle: deque[UpstreamConnection] = deque()
        self.active: set[UpstreamConnection] = set()
        self.opening = 0
        self.turn = 0
        self.ejected_until = 0.0
        self._failures = 0
        self._ejections = 0

    @property
    def in_hand(self) -> int:
        return len(self.active) + self.opening

    def take_idle(self) -> UpstreamConnection | None:
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed:
                return connection
        return None

    def forget(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)

    def succeeded(self) -> None:
        self._failures = 0
        self._ejections = 0

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures >= _FAILURES_TO_EJECT:
            self.ejected_until = now + min(_EJECTED_SECONDS * 2**self._ejections, _MAX_EJECTED_SECONDS)
            self._ejections += 1
            self._failures = _FAILURES_TO_EJECT - 1
