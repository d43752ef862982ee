"""Planning inputs row by row, and a demand whose every quantile is known."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from forecast_service.forecasts.domain.distribution import LEVELS, DemandDistribution, knots_of, normal_score
from forecast_service.recommendations.domain.inputs import PlanningInputs, read_inputs
from forecast_service.recommendations.domain.plan import ArticleDemand

KNOWN_UNTIL = date(2026, 3, 1)  # a Sunday, so the plan is of Monday, 2 March

SCHEMA = pa.schema(
    [
        ("sku", pa.utf8()),
        ("name", pa.utf8()),
        ("category", pa.utf8()),
        ("supplier", pa.utf8()),
        ("supplier_name", pa.utf8()),
        ("warehouse", pa.utf8()),
        ("unit", pa.utf8()),
        ("pack_size", pa.float64()),
        ("moq", pa.float64()),
        ("cost", pa.float64()),
        ("price", pa.float64()),
        ("currency", pa.utf8()),
        ("lead_time_days", pa.int32()),
        ("lead_time_mean_days", pa.float64()),
        ("lead_time_sd_days", pa.float64()),
        ("lead_time_receipts", pa.int32()),
        ("min_order_value", pa.float64()),
        ("order_weekdays", pa.list_(pa.int8())),
        ("on_hand", pa.float64()),
        ("reserved", pa.float64()),
        ("on_order", pa.float64()),
        ("oldest_open_expected_on", pa.date32()),
        ("stock_as_of", pa.date32()),
        ("life_cycle", pa.utf8()),
    ]
)
DEFAULTS: dict[str, Any] = {
    "name": "Lamp",
    "category": "LIGHT",
    "supplier": "S1",
    "supplier_name": "Supplier 1",
    "warehouse": "MAIN",
    "unit": "pcs",
    "pack_size": 1.0,
    "moq": 0.0,
    "cost": 10.0,
    "price": 15.0,
    "currency": "EUR",
    "lead_time_days": 7,
    "lead_time_mean_days": None,
    "lead_time_sd_days": None,
    "lead_time_receipts": 0,
    "min_order_value": None,
    "order_weekdays": [],
    "on_hand": 0.0,
    "reserved": 0.0,
    "on_order": 0.0,
    "oldest_open_expected_on": None,
    "stock_as_of": KNOWN_UNTIL,
    "life_cycle": "active",
}


def inputs_of(*rows: dict[str, Any]) -> PlanningInputs:
    whole = [{**DEFAULTS, "sku": f"A{index}", **row} for index, row in enumerate(rows)]
    table = pa.Table.from_pylist(whole, schema=SCHEMA)
    return read_inputs(table.to_batches(), SCHEMA)


def demand_of(rates: list[float], deviation: float = 1.0) -> ArticleDemand:
    """Independent normal days with the given means; `deviation` is the standard deviation per root of demand."""
    mean = np.repeat(np.array(rates, dtype=float)[:, None], 28, axis=1)
    days = np.array(knots_of(28), dtype=float)
    scores = np.array([normal_score(level) for level in LEVELS])
    spread = deviation * np.sqrt(np.array(rates, dtype=float))[:, None] * np.sqrt(days)[None, :]
    sums = np.maximum(mean[:, :1, None] * days[None, :, None] + spread[:, :, None] * scores, 0)
    return ArticleDemand(
        DemandDistribution(mean, sums), np.array(rates, dtype=float), ["ets"] * len(rates), KNOWN_UNTIL
    )


@pytest.fixture
def make_inputs() -> Callable[..., PlanningInputs]:
    return inputs_of


@pytest.fixture
def make_demand() -> Callable[..., ArticleDemand]:
    return demand_of
