"""Puts the plan service together from the process's resources, for routes and for the worker."""

from forecast_service.forecasts.service import ForecastService
from forecast_service.recommendations.domain.policy import PlanPolicy
from forecast_service.recommendations.service.plans import PlanService
from forecast_service.resources import Resources


def create_plan_service(resources: Resources) -> PlanService:
    settings = resources.settings
    policy = PlanPolicy(
        service_level_a=settings.service_level_a,
        service_level_b=settings.service_level_b,
        service_level_c=settings.service_level_c,
        review_days=settings.review_days,
        assumed_lead_time_days=settings.assumed_lead_time_days,
        stale_stock_days=settings.stale_stock_days,
        longest_cover_days=settings.longest_cover_days,
    )
    forecasts = ForecastService(resources.database, resources.idempotent)
    return PlanService(resources.database, forecasts, resources.data, policy)
