"""What a list of recommendations shows, and in which order."""

from dataclasses import dataclass
from typing import Literal

Order = Literal["urgency", "sku"]


@dataclass(frozen=True)
class LineFilter:
    """Without statuses and without an article, only lines with something to order."""

    sku: str | None = None
    supplier: str | None = None
    warehouse: str | None = None
    statuses: tuple[str, ...] = ()
    order: Order = "urgency"

    @property
    def only_orders(self) -> bool:
        return not self.statuses and self.sku is None
