"""The plan as a table and its totals."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from storage_service.exports.domain.layout import Language
from storage_service.exports.domain.plan import PlanHeader, PlanLine, PlanSummary, plan_layout, plan_row

LINE = PlanLine(
    sku="A-1",
    name="Bolt",
    supplier="Steel Ltd",
    warehouse="WH1",
    status="proposed",
    quantity=Decimal(12),
    unit="pcs",
    unit_cost=Decimal("1.25"),
    line_value=Decimal("15.00"),
    currency="EUR",
    order_by=date(2026, 11, 23),
    runs_out_on=None,
    days_of_cover=3.5,
    on_hand=4.0,
    on_order=0.0,
    reserved=0.0,
    expected_shortage_units=2.0,
    expected_shortage_value=Decimal("2.50"),
    urgency_value=Decimal(9),
    service_level=0.95,
    reason="Runs out",
    blocked=None,
)
HEADER = PlanHeader("p-1", datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(2026, 11, 22, 6, tzinfo=UTC))


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_row_has_a_cell_for_every_column(language: Language) -> None:
    assert len(plan_row(LINE, language)) == len(plan_layout(language).columns)


def test_headers_and_statuses_speak_the_chosen_language() -> None:
    assert plan_layout("ru").columns[0].header == "Артикул"
    assert plan_layout("en").columns[0].header == "SKU"
    assert plan_row(LINE, "ru")[4] == "предложено"
    assert plan_row(replace(LINE, status="of tomorrow"), "ru")[4] == "of tomorrow"


def test_dates_are_iso_and_impossible_numbers_empty() -> None:
    row = plan_row(replace(LINE, days_of_cover=float("inf"), on_hand=float("nan")), "en")
    assert row[10] == "2026-11-23"
    assert (row[12], row[13]) == (None, None)


def test_totals_are_kept_per_currency_and_add_up() -> None:
    summary = PlanSummary()
    for line in (
        LINE,
        LINE,
        replace(LINE, currency="RUB", line_value=Decimal(100)),
        replace(LINE, blocked="no supplier"),
    ):
        summary.add(line)
    about, totals, statuses, suppliers = summary.blocks(HEADER, "en")
    assert ("Lines", 4) in about.rows
    assert ("Blocked lines", 1) in about.rows
    assert totals.rows == (("Totals", 3, 45.0, 7.5, "EUR"), ("Totals", 1, 100.0, 2.5, "RUB"))
    assert sum(row[1] for row in statuses.rows) == sum(row[1] for row in suppliers.rows) == 4  # type: ignore[misc]
    assert suppliers.rows[0][2] == 100.0
