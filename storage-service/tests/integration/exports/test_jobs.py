"""Exports from the order to the file, with a forecast-service behind a gateway on the other side."""

import csv
import hashlib
import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from tests.fakes.forecast import PLAN_ID, FakeForecast, recommendation

from shared.errors import UnavailableError
from shared.testing.conformance import assert_problem
from storage_service.exports.jobs import ExportJobs
from storage_service.resources import Resources
from storage_service.settings import Settings


async def order(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    response = await client.post("/v1/exports", json={"kind": "plan", **body})
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/v1/exports/{response.json()['id']}"
    return response.json()


async def made(client: httpx.AsyncClient, resources: Resources, **body: Any) -> dict[str, Any]:
    ordered = await order(client, **body)
    assert ordered["status"] == "queued"
    assert await ExportJobs(resources).run_next()
    return (await client.get(f"/v1/exports/{ordered['id']}")).json()


async def events(resources: Resources) -> list[dict[str, Any]]:
    async with resources.database.unit_of_work() as work:
        rows = await work.session.execute(text("SELECT envelope FROM storage.outbox ORDER BY sequence"))
        return [row.envelope for row in rows]


async def test_a_plan_becomes_a_workbook(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast, tmp_path: Path
) -> None:
    export = await made(client, resources, format="xlsx", language="ru")
    assert (export["status"], export["progress"], export["problem"]) == ("completed", 1.0, None)
    assert (export["rows"], export["plan_id"]) == (5, str(PLAN_ID))
    assert export["file_name"] == "plan-2026-11-22-0000abcd.xlsx"
    assert forecast.pages_asked == 3
    response = await client.get(f"/v1/exports/{export['id']}/content")
    assert hashlib.sha256(response.content).hexdigest() == export["sha256"]
    assert len(response.content) == export["size_bytes"]
    assert response.headers["content-type"].startswith("application/vnd.openxmlformats")
    book = CalamineWorkbook.from_filelike(io.BytesIO(response.content))
    assert book.sheet_names == ["План", "Сводка"]
    rows = book.get_sheet_by_name("План").to_python()
    assert [row[0] for row in rows] == ["Артикул", *(f"SKU-{number:05d}" for number in range(5))]
    assert rows[1][5] == 10.0
    assert rows[1][20] == "Закончится до поставки"
    totals = [row for row in book.get_sheet_by_name("Сводка").to_python() if row[0] == "Итого" and row[1]]
    assert totals[0][1:] == [5.0, pytest.approx(12.5 * 60), pytest.approx(5 * 40.63), "EUR"]


async def test_a_plan_becomes_a_csv_file_in_which_nothing_is_evaluated(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.items = [recommendation(1, name="=cmd|' /C calc'!A0", quantity=-5, reason={"en": "+1", "ru": "-1"})]
    export = await made(client, resources, format="csv", language="ru")
    content = (await client.get(f"/v1/exports/{export['id']}/content")).content
    assert content.startswith(b"\xef\xbb\xbf")
    header, row = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
    line = dict(zip(header, row, strict=True))
    assert line["Наименование"] == "'=cmd|' /C calc'!A0"
    assert line["Заказать"] == "-5"
    assert line["Цена закупки"] == "12,50"
    assert line["Почему"] == "'-1"


async def test_the_workbook_holds_no_formula_whatever_the_plan_says(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.items = [recommendation(1, sku="=1+1", name="@x", supplier_name="+y", blocked="-z")]
    export = await made(client, resources, format="xlsx")
    content = (await client.get(f"/v1/exports/{export['id']}/content")).content
    book = openpyxl.load_workbook(io.BytesIO(content))
    kinds = {cell.data_type for sheet in book for row in sheet for cell in row if cell.value is not None}
    assert kinds <= {"s", "n", "d"}
    assert book["Plan"]["A2"].value == "=1+1"


async def test_an_export_is_announced_once_it_is_there(client: httpx.AsyncClient, resources: Resources) -> None:
    export = await made(client, resources, format="xlsx")
    (event,) = await events(resources)
    assert event["type"] == "storage.export.completed.v1"
    assert event["data"]["export_id"] == event["subject"] == export["id"]
    assert event["data"]["sha256"] == export["sha256"]
    assert event["data"]["rows"] == 5


async def test_a_plan_without_lines_is_exported_as_an_empty_table(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.items = []
    export = await made(client, resources, format="xlsx")
    assert (export["status"], export["rows"]) == ("completed", 0)


async def test_a_missing_plan_fails_the_export_and_says_what_to_do(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.has_plan = False
    export = await made(client, resources, format="xlsx")
    assert export["status"] == "failed"
    assert export["problem"]["code"] == "plan_not_found"
    assert "Run a forecast" in export["problem"]["detail"]
    assert await events(resources) == []
    assert_problem(await client.get(f"/v1/exports/{export['id']}/content"), 409, "export_not_ready")


async def test_a_neighbour_in_trouble_only_delays_the_export(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.statuses = [503] * 3
    export = await made(client, resources, format="xlsx")
    assert export["status"] == "queued"
    assert export["problem"]["status"] == UnavailableError.status
    async with resources.database.unit_of_work() as work:
        await work.session.execute(text("UPDATE storage.exports SET not_before = now()"))
        await work.commit()
    assert await ExportJobs(resources).run_next()
    again = (await client.get(f"/v1/exports/{export['id']}")).json()
    assert (again["status"], again["attempts"], again["problem"]) == ("completed", 2, None)


async def test_an_answer_that_makes_no_sense_fails_the_export(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast
) -> None:
    forecast.items = [{"sku": 1}]
    ordered = await order(client, format="csv")
    for _ in range(3):
        async with resources.database.unit_of_work() as work:
            await work.session.execute(text("UPDATE storage.exports SET not_before = now()"))
            await work.commit()
        assert await ExportJobs(resources).run_next()
    export = (await client.get(f"/v1/exports/{ordered['id']}")).json()
    assert (export["status"], export["problem"]["code"]) == ("failed", "upstream_error")
    assert "items/0" in export["problem"]["detail"]


@pytest.mark.parametrize("limit_bytes", [2_000, 40_000])
async def test_a_full_disk_fails_the_export_and_leaves_nothing(
    client: httpx.AsyncClient, resources: Resources, forecast: FakeForecast, tmp_path: Path, limit_bytes: int
) -> None:
    """The smaller limit stops the rows on their way in, the larger one the workbook made of them."""
    forecast.items = [recommendation(number) for number in range(100)]
    with no_file_larger_than(limit_bytes):
        export = await made(client, resources, format="xlsx")
    assert (export["status"], export["file_id"]) == ("failed", None)
    assert export["problem"]["code"] == "render_failed"
    assert "File too large" in export["problem"]["detail"]
    assert leftovers(tmp_path) == []


@contextmanager
def no_file_larger_than(limit_bytes: int) -> Iterator[None]:
    """The kernel refuses longer files to this process and its children, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def leftovers(folder: Path) -> list[Path]:
    return [*folder.glob("export-*"), *(path for path in (folder / "files").rglob("*") if path.is_file())]


async def test_an_expired_export_is_gone_and_says_so(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    export = await made(client, resources, format="xlsx")
    async with resources.database.unit_of_work() as work:
        await work.session.execute(text("UPDATE storage.exports SET expires_at = now() - interval '1 second'"))
        await work.commit()
    await ExportJobs(resources).expire()
    assert (await client.get(f"/v1/exports/{export['id']}")).json()["status"] == "expired"
    assert_problem(await client.get(f"/v1/exports/{export['id']}/content"), 410, "export_expired")
    assert_problem(await client.get(f"/v1/files/{export['file_id']}"), 404, "file_not_found")
