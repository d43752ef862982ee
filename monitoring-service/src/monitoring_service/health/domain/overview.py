"""The state of the platform in one word."""

from collections.abc import Collection
from enum import StrEnum

from monitoring_service.health.domain.state import Status


class Overall(StrEnum):
    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    OUTAGE = "outage"
    UNKNOWN = "unknown"


def overall(statuses: Collection[Status]) -> Overall:
    """Outage: everything is down, or nobody has a way in (see `docs/architecture`): a single down target degrades."""
    if not statuses or all(status is Status.UNKNOWN for status in statuses):
        return Overall.UNKNOWN
    if all(status is Status.DOWN for status in statuses):
        return Overall.OUTAGE
    if any(status in {Status.DOWN, Status.DEGRADED} for status in statuses):
        return Overall.DEGRADED
    return Overall.OPERATIONAL
