"""Tables of purchase orders. Product, supplier and warehouse ids are those of the catalogue."""

from datetime import date as day
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Sequence,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from data_service.database import Base
from data_service.purchasing.domain import Status

QUANTITY = Numeric(18, 3)
MONEY = Numeric(18, 4)
ORDER_NUMBERS = Sequence("purchase_order_numbers", metadata=Base.metadata, schema=Base.metadata.schema)
_STATUSES = ", ".join(f"'{status.value}'" for status in Status)


class PurchaseOrder(Base):
    __tablename__ = "purchase_orders"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        Index(
            "ix_purchase_orders_open",
            "supplier_id",
            postgresql_where=text("status IN ('approved', 'ordered', 'partly_received')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    supplier_id: Mapped[int] = mapped_column(ForeignKey("data.suppliers.id"), index=True)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("data.warehouses.id"), index=True)
    status: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    ordered_on: Mapped[day | None] = mapped_column(Date)
    expected_on: Mapped[day | None] = mapped_column(Date)
    created_by: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text)
    cancelled_by: Mapped[str | None] = mapped_column(Text)
    cancellation_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PurchaseOrderLine(Base):
    """`received_on` is the day of the last receipt; a cancelled line frees its plan line for another order."""

    __tablename__ = "purchase_order_lines"
    __table_args__ = (
        UniqueConstraint("order_id", "product_id"),
        Index(
            "uq_purchase_order_lines_plan_line_id",
            "plan_line_id",
            unique=True,
            postgresql_where=text("plan_line_id IS NOT NULL AND NOT is_cancelled"),
        ),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("received_quantity >= 0", name="received_quantity"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey(PurchaseOrder.id, ondelete="CASCADE"))
    product_id: Mapped[int] = mapped_column(ForeignKey("data.products.id"), index=True)
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    unit_cost: Mapped[Decimal] = mapped_column(MONEY)
    received_quantity: Mapped[Decimal] = mapped_column(QUANTITY, server_default=text("0"))
    expected_on: Mapped[day | None] = mapped_column(Date)
    received_on: Mapped[day | None] = mapped_column(Date)
    plan_line_id: Mapped[UUID | None]
    is_cancelled: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
