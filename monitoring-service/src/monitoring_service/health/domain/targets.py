"""What is probed."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
_UNREPORTED_CAUSES = ("postgres",)
_REPORT_NAMES = {"database": "postgres", "cache": "redis", "events": "broker", "transport": "broker"}


class Kind(StrEnum):
    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True)
class Target:
    """`address` is a URL for HTTP and `host:port` for TCP; it never holds credentials."""

    name: str
    kind: Kind
    address: str

    @property
    def owner(self) -> str | None:
        """Owner name of the service behind the target (`data-service`, `data-worker` → `data`), None for servers."""
        base = self.name.removesuffix("-worker").removesuffix("-service")
        return base if base != self.name or base == "gateway" else None


def configured_target(name: str, url: str) -> Target:
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        return Target(name, Kind.TCP, f"{parts.hostname}:{parts.port}")
    return Target(name, Kind.HTTP, url)


def server_target(name: str, url: str) -> Target:
    """A TCP target from a server's connection URL."""
    parts = urlsplit(url)
    return Target(name, Kind.TCP, f"{parts.hostname}:{parts.port or _DEFAULT_PORTS[parts.scheme.partition('+')[0]]}")


def suspects(target: Target, down_dependencies: frozenset[str] | None) -> tuple[str, ...]:
    """Names of targets that may have taken this one down, most likely first.

    `down_dependencies` is what the target itself reported as away; None when it gave no report at all, and then every
    service is presumed to fail with PostgreSQL.
    """
    if target.owner is None:
        return ()
    if down_dependencies is None:
        return _UNREPORTED_CAUSES
    return tuple(_REPORT_NAMES.get(name, name) for name in sorted(down_dependencies))
