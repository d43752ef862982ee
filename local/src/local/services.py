"""The six services: their owner names, packages and folders."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError


@dataclass(frozen=True)
class Service:
    owner: str
    package: str

    @property
    def name(self) -> str:
        return self.package.replace("_", "-")

    @property
    def prefix(self) -> str:
        """Of its environment variables."""
        return f"{self.owner.upper()}_"

    @property
    def folder(self) -> Path:
        """Where alembic.ini and migrations/ lie."""
        found = importlib.util.find_spec(self.package)
        if found is None or not found.submodule_search_locations:
            raise LocalError(f"The package {self.package} is not installed: run `make setup`.")
        return Path(found.submodule_search_locations[0]).parents[1]


GATEWAY = Service("gateway", "gateway")
SERVICES = (
    GATEWAY,
    Service("data", "data_service"),
    Service("forecast", "forecast_service"),
    Service("notification", "notification_service"),
    Service("monitoring", "monitoring_service"),
    Service("storage", "storage_service"),
)
