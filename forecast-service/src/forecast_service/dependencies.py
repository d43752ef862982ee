"""The only reader of what the application keeps for requests, and the page parameters of the service's lists."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from forecast_service.resources import Resources
from shared.errors import FieldError
from shared.web.pagination import InvalidCursorError, PageRequest


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


ServiceResources = Annotated[Resources, Depends(get_resources)]


def cursor_text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("no text")
    return value


def cursor_values(page: PageRequest, *parsers: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The sort key behind the page's cursor, each value parsed; None on the first page.

    Raises:
        InvalidCursorError: the cursor belongs to another list.
    """
    values = page.after(len(parsers))
    if values is None:
        return None
    try:
        return tuple(parse(value) for parse, value in zip(parsers, values, strict=True))
    except (TypeError, ValueError) as error:
        raise InvalidCursorError(
            "The cursor is not one this list gave. Start without it.",
            errors=[FieldError(detail="not a cursor of this list", parameter="cursor")],
        ) from error
