"""Tables of sales."""

from datetime import date as day

from sqlalchemy import Date, Double, Integer, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data_service.database import Base


class Sale(Base):
    """Units sold per article, warehouse and day, returns netted; `price` is the average paid per unit.

    One partition per month. No foreign keys: an import resolves every article itself, and a check per row would cost
    more than the rest of the import.
    """

    __tablename__ = "sales"
    __table_args__ = (
        PrimaryKeyConstraint("product_id", "warehouse_id", "date"),
        {"postgresql_partition_by": "RANGE (date)"},
    )

    product_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    date: Mapped[day] = mapped_column(Date)
    quantity: Mapped[float] = mapped_column(Double)
    price: Mapped[float | None] = mapped_column(Double)


class Assortment(Base):
    """Which article was ever sold in which warehouse, and over which days."""

    __tablename__ = "assortment"

    product_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_sold_on: Mapped[day] = mapped_column(Date)
    last_sold_on: Mapped[day] = mapped_column(Date)
