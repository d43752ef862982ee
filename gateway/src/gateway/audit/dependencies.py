"""Who did it and from where: what every audited route needs."""

from typing import Annotated

from fastapi import Depends

from gateway.audit.domain import Actor, Origin
from gateway.dependencies import CallerOrigin
from shared.web.identity import CallerIdentity


async def get_actor(caller: CallerIdentity) -> Actor:
    return Actor(caller.kind, caller.subject, caller.name, caller.acting_service)


async def get_origin(origin: CallerOrigin) -> Origin:
    return Origin(origin.address, origin.request_id)


RequestActor = Annotated[Actor, Depends(get_actor)]
RequestOrigin = Annotated[Origin, Depends(get_origin)]
