"""Queries of forecasts: the list of runs people see, the queue workers take from, the stored forecasts."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CursorResult, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from forecast_service.forecasts.adapters.array_copy import (
    HEADER,
    TRAILER,
    array_fields,
    float_field,
    read_arrays,
    rows_of,
    text_field,
    uuid_field,
)
from forecast_service.forecasts.adapters.workspace import ComputedSeries
from forecast_service.forecasts.domain.runs import Claim, RunOutcome, RunRecord, RunStatus, StoredForecast, Trigger
from forecast_service.forecasts.errors import LeaseLostError
from forecast_service.forecasts.models import Forecast, PendingReplan, Run
