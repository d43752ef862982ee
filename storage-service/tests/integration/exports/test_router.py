"""The routes of exports: bad input, repeats, lists."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.testing.conformance import assert_problem
from storage_service.settings import Settings

MISSING = "0192f000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"format": "docx"}, "/format"),
        ({}, "/format"),
        ({"format": "xlsx", "kind": "stock"}, "/kind"),
        ({"format": "xlsx", "plan_id": "1"}, "/plan_id"),
        ({"format": "xlsx", "language": "de"}, "/language"),
        ({"format": "csv", "csv": {"delimiter": "|"}}, "/csv/delimiter"),
        ({"format": "xlsx", "unknown": 1}, "/unknown"),
        ({"format": "xlsx", "csv": {"delimiter": ";"}}, "/csv"),
        ({"format": "xlsx", "spreadsheet": "plans"}, "/spreadsheet"),
    ],
)
async def test_a_wrong_order_is_refused_and_the_place_named(
    client: httpx.AsyncClient, body: dict[str, Any], where: str
) -> None:
    problem = assert_problem(await client.post("/v1/exports", json=body), 422, "invalid_request")
    assert where in [error["pointer"] for error in problem["errors"]]


async def test_contradicting_csv_options_are_refused(client: httpx.AsyncClient) -> None:
    body = {"format": "csv", "csv": {"delimiter": ",", "decimal_separator": ","}}
    assert_problem(await client.post("/v1/exports", json=body), 422, "invalid_csv_options")


async def test_sheets_without_credentials_say_what_to_set(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/exports", json={"format": "sheets"})
    problem = assert_problem(response, 409, "google_sheets_not_configured")
    assert "STORAGE_GOOGLE_CREDENTIALS_FILE" in problem["detail"]


async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/exports", content=b"{", headers={"content-type": "application/json"})
    assert_problem(response, 422, "invalid_request")


async def test_unknown_exports_are_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/exports/{MISSING}"), 404, "export_not_found")
    assert_problem(await client.get(f"/v1/exports/{MISSING}/content"), 404, "export_not_found")
    assert_problem(await client.get("/v1/exports/1"), 422, "invalid_request")


async def test_an_export_that_waits_has_no_content_yet(client: httpx.AsyncClient) -> None:
    export = (await client.post("/v1/exports", json={"format": "csv"})).json()
    assert_problem(await client.get(f"/v1/exports/{export['id']}/content"), 409, "export_not_ready")


async def test_a_repeated_order_is_one_export(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/v1/exports", json={"format": "csv"}, headers=headers)
    second = await client.post("/v1/exports", json={"format": "csv"}, headers=headers)
    assert first.json() == second.json()
    assert len((await client.get("/v1/exports")).json()["items"]) == 1
    other = await client.post("/v1/exports", json={"format": "xlsx"}, headers=headers)
    assert_problem(other, 409, "idempotency_key_reused")


async def test_lists_are_paged_newest_first(client: httpx.AsyncClient) -> None:
    ordered = [(await client.post("/v1/exports", json={"format": "csv"})).json()["id"] for _ in range(3)]
    page = (await client.get("/v1/exports", params={"limit": 2})).json()
    rest = (await client.get("/v1/exports", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == ordered[::-1]
    assert rest["next_cursor"] is None


async def test_publishing_every_plan_to_sheets_needs_credentials(settings_of: Callable[..., Settings]) -> None:
    with pytest.raises(ValueError, match="STORAGE_GOOGLE_CREDENTIALS_FILE"):
        settings_of(export_on_plan="sheets")
