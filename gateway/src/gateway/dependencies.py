"""The only reader of what the application keeps for requests, and what the gateway's own routes share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.access.domain import AccessScope
from gateway.resources import Resources
from shared.errors import FieldError
from shared.observability import context
from shared.web.pagination import InvalidCursorError, Page, PageParameters, encode_cursor


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


RecordT = TypeVar("RecordT", bound=Identified)
BodyT = TypeVar("BodyT")


@dataclass(frozen=True)
class NewestFirstPage:
    """Lists here run from the newest id to the oldest; ids grow with time."""

    limit: int
    before: UUID | None

    def shaped(self, records: Sequence[RecordT], body_of: Callable[[RecordT], BodyT]) -> Page[BodyT]:
        """`records` holds one more than the page shows when there is a next page."""
        shown = records[: self.limit]
        cursor = encode_cursor(shown[-1].id) if len(records) > self.limit else None
        return Page(items=[body_of(record) for record in shown], next_cursor=cursor)


@dataclass(frozen=True)
class RequestOrigin:
    """The client's address as the proxy determined it (it replaces whatever the client sent), and the request id."""

    address: str
    request_id: str | None


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.state.resources
    return resources


async def get_origin(request: Request) -> RequestOrigin:
    return RequestOrigin(request.headers.get("x-forwarded-for", "unknown"), context.request_id.get())


async def get_newest_first_page(page: PageParameters) -> NewestFirstPage:
    after = page.after(1)
    try:
        return NewestFirstPage(page.limit, None if after is None else UUID(str(after[0])))
    except ValueError as error:
        raise InvalidCursorError(
            "The cursor is not one this list gave. Start without it.",
            errors=[FieldError(detail="not a cursor of this list", parameter="cursor")],
        ) from error


def _check_text(text: str) -> str:
    """JSON can hold halves of characters, which are no text."""
    text.encode("utf-8")
    return text


_Codes = Annotated[frozenset[Annotated[str, AfterValidator(_check_text)]] | None, Field(max_length=1000)]


class ScopeBody(BaseModel):
    """The part of the company somebody may see and change. A list left out is no limit, an empty one allows nothing."""

    model_config = ConfigDict(extra="forbid")

    categories: _Codes = Field(None, description="Names of categories.")
    suppliers: _Codes = Field(None, description="Codes of suppliers.")
    warehouses: _Codes = Field(None, description="Codes of warehouses.")

    @property
    def scope(self) -> AccessScope:
        return AccessScope(self.categories, self.suppliers, self.warehouses)


class ShownScope(BaseModel):
    categories: list[str] | None
    suppliers: list[str] | None
    warehouses: list[str] | None

    @classmethod
    def of(cls, scope: AccessScope | None) -> Self | None:
        if scope is None:
            return None
        claim = scope.claim
        return cls(
            categories=claim.get("categories"), suppliers=claim.get("suppliers"), warehouses=claim.get("warehouses")
        )


ServiceResources = Annotated[Resources, Depends(get_resources)]
NewestFirst = Annotated[NewestFirstPage, Depends(get_newest_first_page)]
CallerOrigin = Annotated[RequestOrigin, Depends(get_origin)]
