"""Runs the migrations of the schema `gateway`; the URL comes from GATEWAY_DATABASE_URL."""

import gateway.api_keys.models
import gateway.audit.models
import gateway.authentication.models
import gateway.users.models  # noqa: F401 -- the tables register themselves
from gateway.database import Base
from shared.database.migrations import run_migrations

run_migrations(Base.metadata, "GATEWAY_DATABASE_URL")
