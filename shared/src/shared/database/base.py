"""The declarative base of a service: its own schema, predictable constraint names, time zones always kept."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import DeclarativeBase
from uuid_utils.compat import uuid7

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def create_base(schema: str) -> type[DeclarativeBase]:
    class Base(DeclarativeBase):
        metadata = MetaData(schema=schema, naming_convention=NAMING_CONVENTION)
        type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}

    return Base


def new_id() -> UUID:
    """A version 7 UUID: grows with time, so that inserts touch the end of an index."""
    return uuid7()
