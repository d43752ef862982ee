"""Tables of stock. Product and warehouse ids are those of the catalogue."""

from datetime import date as day
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, Double, ForeignKey, Identity, Index, Integer, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from data_service.database import Base

_PRODUCT = "data.products.id"
_WAREHOUSE = "data.warehouses.id"


class StockLevel(Base):
    """What lies there now: the last count, moved on by receipts since."""

    __tablename__ = "stock_levels"

    product_id: Mapped[int] = mapped_column(ForeignKey(_PRODUCT), primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey(_WAREHOUSE), primary_key=True, autoincrement=False)
    on_hand: Mapped[float] = mapped_column(Double)
    reserved: Mapped[float] = mapped_column(Double)
    counted_on: Mapped[day] = mapped_column(Date)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StockSnapshot(Base):
    """What was counted at the end of a day, as imported."""

    __tablename__ = "stock_snapshots"

    product_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    date: Mapped[day] = mapped_column(Date, primary_key=True)
    on_hand: Mapped[float] = mapped_column(Double)
    reserved: Mapped[float] = mapped_column(Double)


class StockMovement(Base):
    """The ledger: every change of a level that was not a count. `reference` is the purchase order it came with."""

    __tablename__ = "stock_movements"
    __table_args__ = (Index(None, "product_id", "warehouse_id", "moved_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(_PRODUCT))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey(_WAREHOUSE))
    kind: Mapped[str] = mapped_column(Text)
    quantity: Mapped[float] = mapped_column(Double)
    reference: Mapped[UUID | None]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())
