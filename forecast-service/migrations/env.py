"""Migrations of the schema `forecast`; the URL comes from FORECAST_DATABASE_URL."""

import forecast_service.accuracy.models
import forecast_service.forecasts.models
import forecast_service.recommendations.models  # noqa: F401  (tables register themselves)
from forecast_service.database import Base
from shared.database.migrations import run_migrations

run_migrations(Base.metadata, env_var="FORECAST_DATABASE_URL")
