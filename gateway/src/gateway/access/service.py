"""The table of routes in force, read once per process."""

from functools import lru_cache
from pathlib import Path

from gateway.access.adapters import DEFAULT_FILE, load_routes
from gateway.access.domain import RouteTable


@lru_cache(maxsize=8)
def route_table(path: Path | None = None) -> RouteTable:
    """The given file's, or the package's own. Raises: InvalidRoutesError."""
    return load_routes(path or DEFAULT_FILE)
