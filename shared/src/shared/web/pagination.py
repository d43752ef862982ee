"""Keyset pages: an opaque cursor, no totals, no offsets (docs/adr/0008)."""

import base64
import json
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from shared.errors import FieldError, InvalidInputError

ItemT = TypeVar("ItemT")
MAX_LIMIT = 1000


class Page(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


class InvalidCursorError(InvalidInputError):
    code = "invalid_cursor"
    title = "Invalid cursor"


def encode_cursor(*values: Any) -> str:
    """The sort key of a page's last row, as JSON (dates and numbers through `str` where JSON has no type)."""
    packed = json.dumps(values, default=str, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> tuple[Any, ...]:
    """Raises: InvalidCursorError unless the cursor holds `length` plain values."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, UnicodeDecodeError) as error:
        raise _invalid() from error
    if not isinstance(values, list) or len(values) != length or any(isinstance(v, list | dict) for v in values):
        raise _invalid()
    return tuple(values)


def _invalid() -> InvalidCursorError:
    return InvalidCursorError(
        "The cursor is not one this list gave. Start without it.",
        errors=[FieldError(detail="not a cursor of this list", parameter="cursor")],
    )


@dataclass(frozen=True)
class PageRequest:
    limit: int
    cursor: str | None

    def after(self, length: int) -> tuple[Any, ...] | None:
        """The sort key to continue behind, None on the first page."""
        return None if self.cursor is None else decode_cursor(self.cursor, length)


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
) -> PageRequest:
    return PageRequest(limit=limit, cursor=cursor)


PageParameters = Annotated[PageRequest, Depends(_page_request)]
