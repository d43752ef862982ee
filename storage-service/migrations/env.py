"""Runs the migrations of the schema `storage`; the URL comes from STORAGE_DATABASE_URL."""

import storage_service.backups.models
import storage_service.exports.models
import storage_service.files.models
import storage_service.sheets.models  # noqa: F401 -- the tables register themselves
from shared.database.migrations import run_migrations
from storage_service.database import Base

run_migrations(Base.metadata, "STORAGE_DATABASE_URL")
