"""Tables of plans and their lines."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, Integer, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from forecast_service.database import Base

_STATUSES = "'proposed', 'waits', 'not_needed', 'drafted', 'approved', 'rejected'"


class Plan(Base):
    """Plan ids grow with time: the greatest is the current plan."""

    __tablename__ = "plans"
    __table_args__ = (Index("ix_plans_run_id", "run_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID]
    planned_on: Mapped[date]
    lines: Mapped[int] = mapped_column(Integer)
    proposed: Mapped[int] = mapped_column(Integer)
    blocked: Mapped[int] = mapped_column(Integer)
    waiting: Mapped[int] = mapped_column(Integer)
    at_risk: Mapped[int] = mapped_column(Integer)
    values: Mapped[dict[str, float]] = mapped_column(JSONB)
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Recommendation(Base):
    """One article and warehouse of one plan; `inputs` and `steps` are its explanation, which replays to `quantity`."""

    __tablename__ = "recommendations"
    __table_args__ = (
        UniqueConstraint("plan_id", "sku", "warehouse"),
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        CheckConstraint("quantity >= 0", name="quantity"),
        Index("ix_recommendations_urgency", "plan_id", "urgency_value", "id"),
        Index("ix_recommendations_supplier", "plan_id", "supplier", "warehouse"),
        Index("ix_recommendations_category", "plan_id", "category"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey(Plan.id, ondelete="CASCADE"))
    sku: Mapped[str] = mapped_column(Text(collation="C"))
    warehouse: Mapped[str] = mapped_column(Text(collation="C"))
    name: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text)
    supplier: Mapped[str] = mapped_column(Text(collation="C"))
    supplier_name: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    quantity: Mapped[float] = mapped_column(Double)
    unit_cost: Mapped[float | None] = mapped_column(Double)
    line_value: Mapped[float | None] = mapped_column(Double)
    status: Mapped[str] = mapped_column(Text)
    blocked: Mapped[str | None] = mapped_column(Text)
    order_by: Mapped[date | None]
    arrives_on: Mapped[date]
    runs_out_on: Mapped[date | None]
    days_of_cover: Mapped[float | None] = mapped_column(Double)
    expected_shortage_units: Mapped[float] = mapped_column(Double)
    expected_shortage_value: Mapped[float] = mapped_column(Double)
    urgency_value: Mapped[float] = mapped_column(Double)
    on_hand: Mapped[float] = mapped_column(Double)
    on_order: Mapped[float] = mapped_column(Double)
    reserved: Mapped[float] = mapped_column(Double)
    service_level: Mapped[float] = mapped_column(Double)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    reason_en: Mapped[str] = mapped_column(Text)
    reason_ru: Mapped[str] = mapped_column(Text)
    purchase_order_id: Mapped[UUID | None]
    purchase_order_number: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    rejection_reason: Mapped[str | None] = mapped_column(Text)
