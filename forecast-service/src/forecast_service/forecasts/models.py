"""Tables of forecast runs and their forecasts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    REAL,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from forecast_service.database import Base

_STATUSES = "'queued', 'running', 'completed', 'failed', 'cancelled'"


class Run(Base):
    """`has_forecasts` is true once they are stored: a run taken over goes on from there."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index("uq_runs_running", text("(true)"), unique=True, postgresql_where=text("status = 'running'")),
        Index("ix_runs_waiting", "id", postgresql_where=text("status IN ('queued', 'running')")),
        Index("ix_runs_completed", "id", postgresql_where=text("status = 'completed'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Text)
    phase: Mapped[str] = mapped_column(Text, server_default=text("'queued'"))
    progress: Mapped[float] = mapped_column(Double, server_default=text("0"))
    trigger: Mapped[str] = mapped_column(Text)
    requested_horizon_days: Mapped[int | None] = mapped_column(Integer)
    requested_by: Mapped[str] = mapped_column(Text)
    horizon_days: Mapped[int | None] = mapped_column(Integer)
    history_start: Mapped[date | None]
    history_end: Mapped[date | None]
    articles: Mapped[int | None] = mapped_column(Integer)
    model_names: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    models: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    accuracy: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    plan_id: Mapped[UUID | None]
    has_forecasts: Mapped[bool] = mapped_column(Boolean, server_default=false())
    cancellation_requested: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    lease: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]


class Forecast(Base):
    """One article and warehouse of one run. Arrays are flattened, the last index runs fastest.

    `mean` (horizon) per day; `daily` (horizon, 3) its quantiles; `sums` (knots, 9) quantiles of the demand of the first
    days together; `weights` (models) in the order of the run's `model_names`; `recent` units sold a day lately.
    """

    __tablename__ = "forecasts"

    run_id: Mapped[UUID] = mapped_column(ForeignKey(Run.id, ondelete="CASCADE"), primary_key=True)
    sku: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    warehouse: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    model: Mapped[str] = mapped_column(Text)
    recent: Mapped[float] = mapped_column(REAL)
    weights: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    mean: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    daily: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    sums: Mapped[list[float]] = mapped_column(ARRAY(REAL))


class PendingReplan(Base):
    """At most one row: new data has come, and a run starts when no more has come for a while."""

    __tablename__ = "pending_replans"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    first_import_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[datetime]
