"""The only reader of request.state, and what several routers take from a request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Request

from notification_service.resources import Resources
from shared.errors import FieldError
from shared.web.identity import CallerIdentity
from shared.web.pagination import InvalidCursorError, Page, PageParameters, encode_cursor


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


RecordT = TypeVar("RecordT", bound=Identified)
BodyT = TypeVar("BodyT")


@dataclass(frozen=True)
class NewestFirstPage:
    """Lists here run from the newest to the oldest id; ids grow with time."""

    limit: int
    before: UUID | None

    def shaped(self, records: Sequence[RecordT], body_of: Callable[[RecordT], BodyT]) -> Page[BodyT]:
        """`records` holds one more than the page shows when there is a next page."""
        shown = records[: self.limit]
        cursor = encode_cursor(shown[-1].id) if len(records) > self.limit else None
        return Page(items=[body_of(record) for record in shown], next_cursor=cursor)


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


async def get_newest_first_page(page: PageParameters) -> NewestFirstPage:
    after = page.after(1)
    try:
        return NewestFirstPage(page.limit, None if after is None else UUID(str(after[0])))
    except ValueError as error:
        raise InvalidCursorError(
            "The cursor is not one this list gave. Start without it.",
            errors=[FieldError(detail="not a cursor of this list", parameter="cursor")],
        ) from error


async def get_visible_owner(caller: CallerIdentity) -> str | None:
    """Whose subscriptions and messages the caller may see: their own, or everybody's (None) for an administrator.

    Whoever is limited to a part of the company sees their own in any case.
    """
    sees_all = "admin" in caller.roles and not caller.scope.is_limited
    return None if sees_all else caller.subject


ServiceResources = Annotated[Resources, Depends(get_resources)]
NewestFirst = Annotated[NewestFirstPage, Depends(get_newest_first_page)]
VisibleOwner = Annotated[str | None, Depends(get_visible_owner)]
