"""Migrations of the schema `data`; the URL comes from DATA_DATABASE_URL."""

import data_service.catalog.models
import data_service.imports.models
import data_service.purchasing.models
import data_service.sales.models
import data_service.stock.models  # noqa: F401  (tables register themselves)
from data_service.database import Base
from shared.database.migrations import run_migrations

run_migrations(Base.metadata, env_var="DATA_DATABASE_URL")
