"""Bodies of the forecast routes."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from forecast_service.forecasts.domain.distribution import LEVELS, knots_of
from forecast_service.forecasts.domain.quantiles import DAILY_LEVELS
from forecast_service.forecasts.domain.runs import (
    LONGEST_HORIZON,
    SHORTEST_HORIZON,
    RunRecord,
    RunStatus,
    StoredForecast,
)


class RunRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    horizon_days: Annotated[int, Field(ge=SHORTEST_HORIZON, le=LONGEST_HORIZON)] | None = Field(
        None, description="Days to forecast. Default: 28, or more when lead times need it."
    )


class AccuracyFigures(BaseModel):
    """On the last 28 days, which neither fit nor choice had seen; fractions (0.25 = 25 %); null without history."""

    model_config = ConfigDict(extra="ignore")

    wape_28: float | None = Field(None, description="Sum of absolute errors of 28-day sums / units sold.")
    naive_wape_28: float | None = Field(None, description="The same of seasonal naive (last week again).")
    wape: float | None = Field(None, description="Sum of absolute errors of single days / units sold.")
    naive_wape: float | None = None
    bias: float | None = Field(None, description="(forecast - actual) / actual.")
    rmsse: float | None = Field(None, description="Mean over articles.")
    naive_rmsse: float | None = None
    coverage_90: float | None = Field(None, description="Share of articles whose 28-day demand stayed under its q90.")
    coverage_95: float | None = None
    scored_series: int = 0
    clipped_days: int = Field(0, description="Days with more returns than sales, taken as 0.")


class RunProblem(BaseModel):
    status: int
    code: str
    title: str
    detail: str


class RunResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    status: RunStatus
    phase: str
    progress: float = Field(description="Fraction in [0, 1].")
    trigger: str = Field(description="manual or import.")
    requested_by: str
    horizon_days: int | None
    history_start: date | None
    history_end: date | None = Field(description="Last day of sales that was known.")
    articles: int | None = Field(description="Pairs of article and warehouse.")
    models: dict[str, int] = Field(description="How many of them each model leads.")
    accuracy: AccuracyFigures | None
    plan_id: UUID | None
    problem: RunProblem | None
    cancellation_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ForecastDay(BaseModel):
    date: date
    mean: float
    q10: float
    q50: float
    q90: float


class ForecastSum(BaseModel):
    """Demand of the first `days` days together: not the sum of daily quantiles."""

    days: int
    mean: float
    quantiles: dict[str, float] = Field(description='By level, such as "0.95".')


class WarehouseForecast(BaseModel):
    warehouse: str
    model: str = Field(description="The model with the largest weight.")
    weights: dict[str, float]
    sold_daily: float = Field(description="Units sold a day in the last four weeks.")
    days: list[ForecastDay]
    sums: list[ForecastSum]


class ForecastResponse(BaseModel):
    sku: str
    run_id: UUID
    history_end: date
    horizon_days: int
    warehouses: list[WarehouseForecast]

    @classmethod
    def of(cls, sku: str, run: RunRecord, forecasts: list[StoredForecast]) -> Self:
        history_end = run.history_end or run.created_at.date()
        return cls(
            sku=sku,
            run_id=run.id,
            history_end=history_end,
            horizon_days=run.horizon_days or 0,
            warehouses=[_warehouse(run, forecast, history_end) for forecast in forecasts],
        )


def _warehouse(run: RunRecord, forecast: StoredForecast, history_end: date) -> WarehouseForecast:
    return WarehouseForecast(
        warehouse=forecast.warehouse,
        model=forecast.model,
        weights={
            name: round(weight, 4)
            for name, weight in zip(run.model_names, forecast.weights, strict=True)
            if weight >= 0.0001
        },
        sold_daily=_rounded(forecast.recent),
        days=_days(forecast, history_end),
        sums=_sums(forecast),
    )


def _days(forecast: StoredForecast, history_end: date) -> list[ForecastDay]:
    width = len(DAILY_LEVELS)
    days = []
    for ahead, mean in enumerate(forecast.mean):
        q10, q50, q90 = forecast.daily[ahead * width : (ahead + 1) * width]
        days.append(
            ForecastDay(
                date=history_end + timedelta(days=ahead + 1),
                mean=_rounded(mean),
                q10=_rounded(q10),
                q50=_rounded(q50),
                q90=_rounded(q90),
            )
        )
    return days


def _sums(forecast: StoredForecast) -> list[ForecastSum]:
    width = len(LEVELS)
    return [
        ForecastSum(
            days=days,
            mean=_rounded(sum(forecast.mean[:days])),
            quantiles={
                str(level): _rounded(value)
                for level, value in zip(LEVELS, forecast.sums[index * width : (index + 1) * width], strict=True)
            },
        )
        for index, days in enumerate(knots_of(len(forecast.mean)))
    ]


def _rounded(value: float) -> float:
    return round(value, 3)
