"""Imports over HTTP."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from data_service.settings import Settings
from shared.testing.conformance import assert_problem

ImportFile = Callable[..., Awaitable[dict[str, Any]]]
SALES = "date,sku,quantity\n2024-01-01,P1,1\n"
MESS = "date,sku,quantity\n2024-01-01,P1,1\n2024-02-31,P1,1\n2024-01-02,P1,=1+1\n2024-01-03,,1\n"


def spooled(settings: Settings) -> list[Path]:
    return list(settings.spool_directory.iterdir())


async def test_an_upload_is_accepted_with_a_place_to_look_at(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/imports", params={"kind": "sales", "filename": "a b.csv"}, content=SALES)
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/imports/{body['id']}"
    assert (body["status"], body["kind"], body["filename"], body["progress"]) == ("queued", "sales", "a b.csv", 0)
    assert (await client.get(answer.headers["location"])).json() == body


async def test_a_finished_import_says_what_it_did_and_how_it_read_the_file(
    import_file: ImportFile, settings: Settings
) -> None:
    finished = await import_file("sales", MESS, packed=True, filename="mess.csv.gz")
    assert finished["status"] == "completed"
    assert finished["counts"] == {"read": 4, "applied": 1, "unchanged": 0, "cleaned": 0, "quarantined": 3}
    assert finished["rules"] == {
        "impossible_date": 1,
        "not_a_number": 1,
        "missing_value": 1,
        "article_created": 1,
        "warehouse_created": 1,
    }
    assert finished["understood"]["columns"] == {"date": "date", "sku": "sku", "quantity": "quantity"}
    assert (finished["period_start"], finished["period_end"]) == ("2024-01-01", "2024-01-01")
    assert finished["progress"] == 1
    assert spooled(settings) == []


async def test_quarantined_rows_are_listed_page_by_page(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    finished = await import_file("sales", MESS)
    rows, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"/v1/imports/{finished['id']}/quarantine", params=params)).json()
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(row["line"], row["column"], row["value"], row["rule"]) for row in rows] == [
        (3, "date", "2024-02-31", "impossible_date"),
        (4, "quantity", "=1+1", "not_a_number"),
        (5, "sku", "", "missing_value"),
    ]
    filtered = await client.get(f"/v1/imports/{finished['id']}/quarantine", params={"rule": "not_a_number"})
    assert [row["line"] for row in filtered.json()["items"]] == [4]


async def test_the_quarantine_downloads_as_csv_without_live_formulas(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    finished = await import_file("sales", MESS)
    answer = await client.get(f"/v1/imports/{finished['id']}/quarantine.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["line"] for row in rows] == ["3", "4", "5"]
    assert rows[1]["value"] == "'=1+1"
    assert rows[1]["row"] == "2024-01-02,P1,=1+1"


async def test_imports_are_listed_newest_first_and_filtered(client: httpx.AsyncClient, import_file: ImportFile) -> None:
    first = await import_file("sales", SALES)
    second = await import_file("products", "sku,name\nP1,Apple\n")
    third = (await client.post("/v1/imports", params={"kind": "sales"}, content=SALES)).json()
    page = (await client.get("/v1/imports", params={"limit": 2})).json()
    assert [item["id"] for item in page["items"]] == [third["id"], second["id"]]
    rest = (await client.get("/v1/imports", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == [first["id"]]
    assert rest["next_cursor"] is None
    found = (await client.get("/v1/imports", params={"kind": "sales", "status": "queued"})).json()["items"]
    assert [item["id"] for item in found] == [third["id"]]


@pytest.mark.parametrize(
    ("kind", "content", "code", "words"),
    [
        ("sales", "date,colour\n2024-01-01,red\n", "missing_column", ["'sku'", "'quantity'", "'colour'"]),
        ("sales", b"PK\x03\x04 workbook", "unsupported_format", ["XLSX", "CSV"]),
        ("stock", b"\x1f\x8b\x08\x00broken", "broken_gzip", ["gzip"]),
        ("products", "\n\n\n", "empty_file", ["header"]),
    ],
)
async def test_a_file_that_cannot_be_read_fails_with_the_reason(
    import_file: ImportFile,
    events: Callable[[], Awaitable[list[dict[str, Any]]]],
    settings: Settings,
    kind: str,
    content: str | bytes,
    code: str,
    words: list[str],
) -> None:
    finished = await import_file(kind, content)
    assert finished["status"] == "failed"
    assert finished["problem"]["code"] == code
    assert all(word in finished["problem"]["detail"] for word in words)
    published = await events()
    assert [(event["type"], event["data"]["code"]) for event in published] == [("data.import.failed.v1", code)]
    assert spooled(settings) == []


async def test_an_upload_declared_too_large_is_refused_unread(client: httpx.AsyncClient, settings: Settings) -> None:
    request = client.build_request("POST", "/v1/imports", params={"kind": "sales"}, content=b"x")
    request.headers["content-length"] = str(2 << 30)
    assert_problem(await client.send(request), 413, "file_too_large")
    assert spooled(settings) == []


async def test_an_upload_that_grows_too_large_is_cut_off(client: httpx.AsyncClient, settings: Settings) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    answer = await client.post("/v1/imports", params={"kind": "sales"}, content=endless())
    assert_problem(answer, 413, "file_too_large")
    assert sent <= settings.import_max_bytes + (8 << 20)
    assert spooled(settings) == []


@pytest.mark.parametrize(
    ("params", "content", "headers", "status", "code"),
    [
        ({"kind": "weather"}, SALES, {}, 422, "invalid_request"),
        ({}, SALES, {}, 422, "invalid_request"),
        ({"kind": "sales", "filename": "a\0b"}, SALES, {}, 422, "invalid_request"),
        ({"kind": "sales", "filename": "x" * 300}, SALES, {}, 422, "invalid_request"),
        ({"kind": "sales"}, b"", {}, 422, "empty_file"),
        ({"kind": "sales"}, SALES, {"content-type": "multipart/form-data; boundary=x"}, 415, "form_upload"),
    ],
)
async def test_a_wrong_upload_is_refused_with_the_reason(
    client: httpx.AsyncClient,
    settings: Settings,
    params: dict[str, str],
    content: Any,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    assert_problem(await client.post("/v1/imports", params=params, content=content, headers=headers), status, code)
    assert spooled(settings) == []


async def test_only_roles_that_may_import_can(client: httpx.AsyncClient, as_role: Callable[..., Any]) -> None:
    refused = await client.post("/v1/imports", params={"kind": "sales"}, content=SALES, headers=as_role("ops"))
    assert_problem(refused, 403, "forbidden")
    taken = await client.post("/v1/imports", params={"kind": "sales"}, content=SALES, headers=as_role("service"))
    assert taken.status_code == 202


@pytest.mark.parametrize("suffix", ["", "/quarantine", "/quarantine.csv"])
async def test_an_unknown_import_is_not_found(client: httpx.AsyncClient, suffix: str) -> None:
    assert_problem(await client.get(f"/v1/imports/{uuid4()}{suffix}"), 404, "import_not_found")
    assert_problem(await client.get(f"/v1/imports/nonsense{suffix}"), 422, "invalid_request")


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJ4Il0", "WzFd", "WyJcdTAwMDAiXQ", "WzFlOTld"])
@pytest.mark.parametrize(
    "path", ["imports", "products", "suppliers", "warehouses", "sales", "stock", "purchase-orders"]
)
async def test_a_cursor_of_another_list_is_refused_or_finds_a_page(
    client: httpx.AsyncClient, path: str, cursor: str
) -> None:
    answer = await client.get(f"/v1/{path}", params={"cursor": cursor})
    if answer.status_code != 200:
        assert_problem(answer, 422, "invalid_cursor")
    for limit in ("0", "1001", "x"):
        assert_problem(await client.get(f"/v1/{path}", params={"limit": limit}), 422, "invalid_request")
