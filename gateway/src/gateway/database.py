"""The schema `gateway`: its base, and the event tables every service has."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

from shared.database.base import create_base
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("gateway").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


OUTBOX = create_outbox(Base.metadata)
INBOX = create_inbox(Base.metadata)
