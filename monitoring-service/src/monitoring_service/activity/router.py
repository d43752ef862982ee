"""Routes of activity."""

from typing import Annotated

from fastapi import APIRouter, Depends

from monitoring_service.activity.schemas import ActivityItem, ActivityReport
from monitoring_service.activity.service import ActivityService
from monitoring_service.dependencies import ServiceResources

router = APIRouter(prefix="/v1/activity", tags=["activity"])


async def get_activity_service(resources: ServiceResources) -> ActivityService:
    return ActivityService(resources.database)


@router.get("", summary="When each kind of work last ended")
async def list_activity(activity: Annotated[ActivityService, Depends(get_activity_service)]) -> ActivityReport:
    return ActivityReport(items=[ActivityItem.model_validate(row) for row in await activity.list_activity()])
