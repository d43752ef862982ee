"""Runs the migrations of schema "monitoring"."""

import monitoring_service.activity.models
import monitoring_service.alerts.models
import monitoring_service.health.models
import monitoring_service.incidents.models  # noqa: F401
from monitoring_service.database import Base
from shared.database.migrations import run_migrations

run_migrations(Base.metadata, "MONITORING_DATABASE_URL")
