"""Table of the last event of each type."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from monitoring_service.database import Base


class Activity(Base):
    __tablename__ = "activity"

    event_type: Mapped[str] = mapped_column(Text, primary_key=True)
    last_at: Mapped[datetime]
    last_subject: Mapped[str] = mapped_column(Text)
    occurrences: Mapped[int] = mapped_column(BigInteger)
