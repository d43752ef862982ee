"""The table of routes in force, and its exchange for a new one."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.access.adapters import DEFAULT_FILE, parse_routes, read_routes
from gateway.access.domain import RouteTable


@dataclass(frozen=True)
class LoadedRoutes:
    """`digest` is the SHA-256 of the file the table was read from."""

    table: RouteTable
    digest: str


class RouteTables:
    """`current` is always a whole, valid table; `services` are those with an address, None when that does not matter.

    Raises: InvalidRoutesError when there is none to begin with.
    """

    def __init__(self, path: Path | None, services: Collection[str] | None) -> None:
        self.path = path or DEFAULT_FILE
        self._services = services
        self._loaded = self._parse(read_routes(self.path))

    @property
    def current(self) -> RouteTable:
        return self._loaded.table

    def read(self) -> LoadedRoutes | None:
        """What the file says now, None when that is in force already. Blocks. Raises: InvalidRoutesError."""
        content = read_routes(self.path)
        return None if sha256(content).hexdigest() == self._loaded.digest else self._parse(content)

    def adopt(self, loaded: LoadedRoutes) -> None:
        """From here on `current` is this table; who holds the old one keeps it until done."""
        self._loaded = loaded

    def _parse(self, content: bytes) -> LoadedRoutes:
        return LoadedRoutes(parse_routes(content, self.path.name, self._services), sha256(content).hexdigest())
