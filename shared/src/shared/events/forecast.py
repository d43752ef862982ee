"""Events published by forecast-service."""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Event, EventPart
from shared.events.fields import BATCH_LIMIT, Code, Count, Currency, Fraction, Money, Seconds, Units


class ForecastAccuracy(EventPart):
    """Backtest figures over all articles; fractions, 0.25 means 25 percent; null when history is too short."""

    wape_28: Fraction | None = None
    """Weighted absolute percentage error of 28-day sums."""
    naive_wape_28: Fraction | None = None
    """The same for the seasonal naive forecast."""
    wape: Fraction | None = None
    """Weighted absolute percentage error of single days."""
    bias: float | None = None
    """(forecast - actual) / actual; positive means too much was forecast."""


class RunCompletedV1(Event):
    """A forecast run ended and its forecasts are the current ones."""

    event_type: ClassVar[str] = "forecast.run.completed.v1"

    run_id: UUID
    trigger: Code
    """manual, import or schedule; more may come."""
    history_end: date | None = None
    """Last day of demand that was known to the run."""
    horizon_days: Annotated[int, Field(ge=1)]
    articles: Count
    """Forecasted pairs of article and warehouse."""
    models: dict[str, Count]
    """How many of them each model won, by model name."""
    accuracy: ForecastAccuracy
    duration_seconds: Seconds


class RunFailedV1(Event):
    """A forecast run ended without a result; the previous forecasts stay."""

    event_type: ClassVar[str] = "forecast.run.failed.v1"

    run_id: UUID
    trigger: Code
    """manual, import or schedule; more may come."""
    phase: Code
    """Where it stopped."""
    code: Code
    """Stable snake_case code of the problem."""
    detail: str
    """What is wrong and what to do; readable by a person."""
    duration_seconds: Seconds


class SupplierProposal(EventPart):
    supplier: Code
    supplier_name: str
    lines: Count
    value: Money
    currency: Currency


class ProposedLine(EventPart):
    recommendation_id: UUID
    sku: Code
    name: str
    warehouse: Code
    supplier: Code
    quantity: Units
    unit: str
    line_value: Money
    currency: Currency
    order_by: date | None = None
    """Last day on which ordering avoids the shortage."""
    runs_out_on: date | None = None
    """Day the stock is expected to be used up; null when it lasts beyond the horizon."""


class RecommendationsPublishedV1(Event):
    """A plan version is ready and replaces the previous one."""

    event_type: ClassVar[str] = "forecast.recommendations.published.v1"

    plan_id: UUID
    run_id: UUID
    recommendations: Count
    """Lines that propose an order."""
    blocked: Count
    """Lines that need an order but cannot be proposed; a person has to look."""
    suppliers: Annotated[list[SupplierProposal], Field(max_length=BATCH_LIMIT)]
    """Largest value first, per supplier and currency; the first 1000."""
    most_urgent: Annotated[list[ProposedLine], Field(max_length=BATCH_LIMIT)]
    """Most urgent first; a selection for messages, not the plan."""


class StockoutRisk(EventPart):
    sku: Code
    name: str
    warehouse: Code
    supplier: Code | None = None
    on_hand: float
    """Units on the shelf; negative when the source system says so."""
    on_order: Units
    """Open units of approved and placed orders."""
    runs_out_on: date
    """Day the stock is expected to be used up."""
    arrives_on: date | None = None
    """Earliest arrival of an open order, or of one placed today; null without a known lead time."""
    expected_shortage_units: Units
    """Expected demand that cannot be served before `arrives_on`."""
    expected_shortage_value: Money
    currency: Currency


class StockoutRiskDetectedV1(Event):
    """Articles that run out before an order could arrive; batched, at most 1000, most valuable shortage first."""

    event_type: ClassVar[str] = "forecast.stockout-risk.detected.v1"

    plan_id: UUID | None = None
    """The plan that found them; null when a stock change did."""
    risks: Annotated[list[StockoutRisk], Field(min_length=1, max_length=BATCH_LIMIT)]
