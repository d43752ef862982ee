"""The schema `forecast`: its base, its outbox and inbox, and the keys of requests already served."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

from shared.database.base import create_base
from shared.database.idempotency import create_idempotency_keys
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox


class Base(DeclarativeBase):
    """Declared as a class, since a class made by a function cannot be a base for the type checker."""

    metadata = create_base("forecast").metadata
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


outbox = create_outbox(Base.metadata)
inbox = create_inbox(Base.metadata)
idempotency_keys = create_idempotency_keys(Base.metadata)
