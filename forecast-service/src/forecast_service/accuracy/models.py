"""The table of accuracy per article and warehouse."""

from uuid import UUID

from sqlalchemy import REAL, Text
from sqlalchemy.orm import Mapped, mapped_column

from forecast_service.database import Base


class ArticleAccuracy(Base):
    """Units on the held-out days of one run; errors are sums over the days; null without enough history."""

    __tablename__ = "article_accuracy"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    warehouse: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    actual: Mapped[float] = mapped_column(REAL)
    forecast: Mapped[float] = mapped_column(REAL)
    absolute_error: Mapped[float] = mapped_column(REAL)
    rmsse: Mapped[float | None] = mapped_column(REAL)
    naive_forecast: Mapped[float] = mapped_column(REAL)
    naive_absolute_error: Mapped[float] = mapped_column(REAL)
    naive_rmsse: Mapped[float | None] = mapped_column(REAL)
