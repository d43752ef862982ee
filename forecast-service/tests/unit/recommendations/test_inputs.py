import pyarrow as pa
import pytest

from forecast_service.recommendations.domain.inputs import COLUMNS, PlanningFormatError, read_inputs
from forecast_service.recommendations.domain.policy import PlanPolicy
from forecast_service.recommendations.domain.proposal import longest_protection


@pytest.mark.parametrize("missing", COLUMNS)
def test_a_missing_column_is_named(missing: str) -> None:
    schema = pa.schema([(name, pa.utf8()) for name in COLUMNS if name != missing])
    with pytest.raises(PlanningFormatError, match=missing):
        read_inputs([], schema)


def test_no_articles_are_no_lines(make_inputs) -> None:
    assert make_inputs().size == 0
    assert longest_protection(make_inputs(), PlanPolicy()) == 0


def test_unknown_packs_are_single_units(make_inputs) -> None:
    inputs = make_inputs({"pack_size": None}, {"pack_size": 0.0}, {"pack_size": 6.0})
    assert inputs.pack_sizes().tolist() == [1, 1, 6]


def test_the_forecast_must_reach_over_the_longest_lead_time_and_order_interval(make_inputs) -> None:
    inputs = make_inputs({"lead_time_days": 40}, {"lead_time_days": 2, "order_weekdays": [3]})
    assert longest_protection(inputs, PlanPolicy()) == 47
