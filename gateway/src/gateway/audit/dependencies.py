"""Who did it and from where: what every audited route needs; and what a search of the trail may ask for."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime

from gateway.audit.domain.entries import Actor, Origin, Search, words_of
from gateway.audit.errors import InvalidPeriodError
from gateway.audit.service import AuditService
from gateway.dependencies import CallerOrigin, ServiceResources
from shared.errors import FieldError
from shared.web.identity import CallerIdentity
from shared.web.pagination import InvalidCursorError, PageParameters


async def get_actor(caller: CallerIdentity) -> Actor:
    return Actor(caller.kind, caller.subject, caller.name, caller.acting_service)


async def get_origin(origin: CallerOrigin) -> Origin:
    return Origin(origin.address, origin.request_id)


async def get_audit_service(resources: ServiceResources) -> AuditService:
    return AuditService(resources.database)


_Text = Annotated[str | None, Query(max_length=300)]
_Time = Annotated[AwareDatetime | None, Query(description="RFC 3339, with a time zone.")]


async def get_search(
    *,
    action: Annotated[
        str | None, Query(max_length=100, description="`user.created`, or all of a noun: `user.*`.")
    ] = None,
    actor_id: _Text = None,
    actor: Annotated[str | None, Query(max_length=300, description="E-mail address or client id.")] = None,
    target: _Text = None,
    outcome: Annotated[Literal["succeeded", "failed"] | None, Query()] = None,
    address: _Text = None,
    request_id: _Text = None,
    start: _Time = None,
    end: _Time = None,
    text: Annotated[
        str | None, Query(max_length=300, description="Words, or beginnings of words, of the target or actor's name.")
    ] = None,
) -> Search:
    if start is not None and end is not None and end <= start:
        raise _period_error()
    return Search(
        action=action,
        actor_id=actor_id,
        actor=actor,
        target=target,
        succeeded=None if outcome is None else outcome == "succeeded",
        address=address,
        request_id=request_id,
        start=start,
        end=end,
        words=words_of(text or ""),
    )


def _period_error() -> InvalidPeriodError:
    return InvalidPeriodError(
        "`end` must be later than `start`.", errors=[FieldError("not after `start`", parameter="end")]
    )


@dataclass(frozen=True)
class ExportPeriod:
    start: AwareDatetime
    end: AwareDatetime


async def get_export_period(
    start: Annotated[AwareDatetime, Query(description="First moment, RFC 3339; midnight UTC for whole days.")],
    end: Annotated[AwareDatetime, Query(description="First moment after the period, RFC 3339.")],
) -> ExportPeriod:
    if end <= start:
        raise _period_error()
    return ExportPeriod(start, end)


@dataclass(frozen=True)
class ChainPage:
    """Newest first; `before` is the place in the chain of the last entry of the page before."""

    limit: int
    before: tuple[date, int] | None


async def get_chain_page(page: PageParameters) -> ChainPage:
    after = page.after(2)
    if after is None:
        return ChainPage(page.limit, None)
    day, sequence = after
    try:
        if not isinstance(sequence, int) or not 0 < sequence < 2**31:
            raise ValueError(sequence)
        return ChainPage(page.limit, (date.fromisoformat(str(day)), sequence))
    except ValueError as error:
        raise InvalidCursorError(
            "The cursor is not one this list gave. Start without it.",
            errors=[FieldError("not a cursor of this list", parameter="cursor")],
        ) from error


RequestActor = Annotated[Actor, Depends(get_actor)]
RequestOrigin = Annotated[Origin, Depends(get_origin)]
Audit = Annotated[AuditService, Depends(get_audit_service)]
AuditSearch = Annotated[Search, Depends(get_search)]
AuditPage = Annotated[ChainPage, Depends(get_chain_page)]
AuditPeriod = Annotated[ExportPeriod, Depends(get_export_period)]
