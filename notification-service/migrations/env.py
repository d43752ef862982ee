"""Migrations of the schema `notification`; the URL comes from NOTIFICATION_DATABASE_URL."""

import notification_service.messages.models
import notification_service.subscriptions.models  # noqa: F401  (tables register themselves)
from notification_service.database import Base
from shared.database.migrations import run_migrations

run_migrations(Base.metadata, "NOTIFICATION_DATABASE_URL")
