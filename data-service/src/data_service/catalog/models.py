"""Tables of the catalogue. Small integer keys: they repeat in every row of sales."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from data_service.database import Base

QUANTITY = Numeric(18, 3)
MONEY = Numeric(18, 4)


class Warehouse(Base):
    __tablename__ = "warehouses"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Supplier(Base):
    """`is_declared` is false for one known only because a file mentioned it."""

    __tablename__ = "suppliers"
    __table_args__ = (
        CheckConstraint("lead_time_days >= 0", name="lead_time"),
        CheckConstraint("min_order_value >= 0", name="min_order_value"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    name: Mapped[str] = mapped_column(Text)
    lead_time_days: Mapped[int | None]
    min_order_value: Mapped[Decimal | None] = mapped_column(MONEY)
    currency: Mapped[str | None] = mapped_column(Text)
    order_weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default=text("'{}'"))
    is_declared: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Product(Base):
    """`is_declared` is false for one known only because a file mentioned it."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("life_cycle IN ('active', 'end_of_life')", name="life_cycle"),)

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    sku: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    name: Mapped[str] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text, index=True)
    unit: Mapped[str] = mapped_column(Text, server_default=text("'pcs'"))
    price: Mapped[Decimal | None] = mapped_column(MONEY)
    life_cycle: Mapped[str] = mapped_column(Text, server_default=text("'active'"))
    is_declared: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SupplierTerms(Base):
    """How an article is bought; without a supplier: from whomever, as long as none is known."""

    __tablename__ = "supplier_terms"
    __table_args__ = (
        UniqueConstraint("product_id", "supplier_id", postgresql_nulls_not_distinct=True),
        Index("uq_supplier_terms_preferred", "product_id", unique=True, postgresql_where=text("is_preferred")),
        CheckConstraint("pack_size > 0", name="pack_size"),
        CheckConstraint("moq >= 0", name="moq"),
        CheckConstraint("cost >= 0", name="cost"),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(Product.id, ondelete="CASCADE"))
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey(Supplier.id), index=True)
    is_preferred: Mapped[bool] = mapped_column(Boolean)
    pack_size: Mapped[Decimal | None] = mapped_column(QUANTITY)
    moq: Mapped[Decimal | None] = mapped_column(QUANTITY)
    cost: Mapped[Decimal | None] = mapped_column(MONEY)
    currency: Mapped[str | None] = mapped_column(Text)
    lead_time_days: Mapped[int | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
