"""Opens what the platform stands on: an address in the environment, else a private server on this machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from local.errors import UsageError
from local.infrastructure.postgres import PostgresServer, start_postgres
from local.infrastructure.rabbitmq import start_rabbitmq
from local.infrastructure.server import Server
from local.infrastructure.valkey import start_valkey

Bus = Literal["embedded", "rabbitmq"]
_SCHEMES = {
    "DATABASE_URL": ("postgresql", "postgres"),
    "REDIS_URL": ("redis", "rediss", "unix"),
    "BROKER_URL": ("amqp", "amqps"),
}


@dataclass(frozen=True)
class Infrastructure:
    """`broker_url`: None means that events travel through PostgreSQL.

    `servers`: those started here, in order; `ports`: theirs, by piece.
    """

    admin_database_url: str
    redis_url: str
    broker_url: str | None
    postgres_binaries: Path | None
    sources: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Opening:
    state_directory: Path
    environment: Mapping[str, str]
    ports: Mapping[str, int]
    stack: ExitStack
    servers: list[Server] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    used_ports: dict[str, int] = field(default_factory=dict)

    def address(self, variable: str, start: Callable[[Path, int | None], Server] | None) -> str | None:
        """The one in the environment, else that of a server started with `start`, else None."""
        given = _address(self.environment, variable)
        piece = variable.removesuffix("_URL").lower()
        if given:
            self.sources[piece] = f"{variable} in the environment"
        elif start:
            server = start(self.state_directory, self.ports.get(piece))
            self.stack.enter_context(server)
            self.servers.append(server)
            self.used_ports[piece] = server.port
            self.sources[piece] = f"private {server.name} ({server.source})"
            given = server.url
        return given


@contextmanager
def open_infrastructure(
    state_directory: Path, bus: Bus, environment: Mapping[str, str], ports: Mapping[str, int]
) -> Iterator[Infrastructure]:
    """`environment` may hold addresses to use instead; `ports`: of the last start, reused where they are free."""
    for variable in _SCHEMES:
        _address(environment, variable)  # a mistake is better said before anything starts
    with ExitStack() as stack:
        opening = _Opening(state_directory, environment, ports, stack)
        database_url = opening.address("DATABASE_URL", start_postgres)
        redis_url = opening.address("REDIS_URL", start_valkey)
        broker_url = opening.address("BROKER_URL", start_rabbitmq if bus == "rabbitmq" else None)
        opening.sources.setdefault("broker", "tables in PostgreSQL")
        servers = tuple(opening.servers)
        yield Infrastructure(
            admin_database_url=database_url or "",
            redis_url=redis_url or "",
            broker_url=broker_url,
            postgres_binaries=next((each.binaries for each in servers if isinstance(each, PostgresServer)), None),
            sources=opening.sources,
            servers=servers,
            ports=opening.used_ports,
        )


def _address(environment: Mapping[str, str], name: str) -> str | None:
    value = environment.get(name, "").strip()
    if not value:
        return None
    if urlsplit(value).scheme not in _SCHEMES[name]:
        expected = " or ".join(f"{scheme}://" for scheme in _SCHEMES[name])
        raise UsageError(f"{name} must begin with {expected}; unset it to have a private server started.")
    return value
