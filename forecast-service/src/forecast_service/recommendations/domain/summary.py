"""What is told of a plan: counts, values per supplier, the most urgent lines, the articles that will run out."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from forecast_service.recommendations.domain.plan import PlanLine

MOST_URGENT = 20


@dataclass(frozen=True)
class PlanFigures:
    """`values` of the lines to order, by currency."""

    lines: int = 0
    proposed: int = 0
    blocked: int = 0
    waiting: int = 0
    at_risk: int = 0
    values: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "PlanFigures") -> "PlanFigures":
        return PlanFigures(
            self.lines + other.lines,
            self.proposed + other.proposed,
            self.blocked + other.blocked,
            self.waiting + other.waiting,
            self.at_risk + other.at_risk,
            {**self.values, **other.values},
        )


@dataclass(frozen=True)
class PlanOverview:
    """A plan with the figures of what its reader may see."""

    id: UUID
    run_id: UUID
    planned_on: date
    policy: dict[str, Any]
    created_at: datetime
    figures: PlanFigures


@dataclass
class SupplierTotal:
    name: str
    lines: int = 0
    value: float = 0.0


@dataclass
class PlanSummary:
    """Grows line by line, so that a plan need not be held in memory; `suppliers` is keyed by code and currency."""

    lines: int = 0
    proposed: int = 0
    blocked: int = 0
    waiting: int = 0
    values: Counter[str] = field(default_factory=Counter)
    suppliers: dict[tuple[str, str], SupplierTotal] = field(
        default_factory=lambda: defaultdict(lambda: SupplierTotal(""))
    )
    risks: list[PlanLine] = field(default_factory=list)
    _urgent: list[tuple[float, int, UUID, PlanLine]] = field(default_factory=list)

    def add(self, line_id: UUID, line: PlanLine) -> None:
        self.lines += 1
        if line.at_risk:
            self.risks.append(line)
        if line.status == "waits":
            self.waiting += 1
        if line.status != "proposed":
            return
        if line.blocked is not None:
            self.blocked += 1
            return
        self.proposed += 1
        value = line.line_value or 0.0
        self.values[line.currency] += value  # type: ignore[assignment]
        supplier = self.suppliers[line.supplier, line.currency]
        supplier.name = line.supplier_name
        supplier.lines += 1
        supplier.value += value
        entry = (line.urgency_value, self.lines, line_id, line)
        if len(self._urgent) < MOST_URGENT:
            heapq.heappush(self._urgent, entry)
        else:
            heapq.heappushpop(self._urgent, entry)

    def most_urgent(self) -> list[tuple[UUID, PlanLine]]:
        ordered = sorted(self._urgent, key=lambda entry: (-entry[0], entry[1]))
        return [(line_id, line) for _, _, line_id, line in ordered]
