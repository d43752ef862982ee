"""What the worker makes of files: policies, leases, interruptions."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from data_service.imports.jobs import create_import_worker
from data_service.resources import Resources
from data_service.settings import Settings

ImportFile = Callable[..., Awaitable[dict[str, Any]]]
Quarantine = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]
Events = Callable[[], Awaitable[list[dict[str, Any]]]]


async def stored_sales(client: httpx.AsyncClient) -> list[tuple[str, str, str, float, float | None]]:
    items = (await client.get("/v1/sales", params={"limit": 1000})).json()["items"]
    return [(i["date"], i["sku"], i["warehouse"], i["quantity"], i["price"]) for i in items]


async def execute(resources: Resources, statement: str, **values: Any) -> Any:
    async with resources.database.engine.begin() as connection:
        result = await connection.execute(text(statement), values)
        return result.all() if result.returns_rows else result.rowcount


async def test_rows_of_one_day_are_summed_and_exact_duplicates_count_once(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    rows = ["2024-01-01,P1,1,2.0,a", "2024-01-01,P1,1,2.0,a", "2024-01-01,P1,3,4.0,b", "2024-01-01,P1,-1,,return"]
    finished = await import_file("sales", "date,sku,quantity,price,note\n" + "\n".join(rows) + "\n")
    assert finished["counts"] == {"read": 4, "applied": 3, "unchanged": 0, "cleaned": 1, "quarantined": 0}
    assert finished["rules"]["exact_duplicate"] == 1
    assert finished["rules"]["summed_per_day"] == 3
    assert await stored_sales(client) == [("2024-01-01", "P1", "MAIN", 3.0, 3.5)]


async def test_the_same_file_again_changes_nothing_and_another_day_is_added(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    head = "date;sku;quantity;price;warehouse\n"
    await import_file("sales", head + "01.01.2024;P1;1,5;2;North\n02.01.2024;P1;2;2;North\n")
    again = await import_file(
        "sales", head + "01.01.2024;P1;1,5;2;North\n02.01.2024;P1;5;2;North\n03.01.2024;P1;1;;South\n"
    )
    assert again["counts"] == {"read": 3, "applied": 2, "unchanged": 1, "cleaned": 0, "quarantined": 0}
    assert await stored_sales(client) == [
        ("2024-01-01", "P1", "North", 1.5, 2.0),
        ("2024-01-02", "P1", "North", 5.0, 2.0),
        ("2024-01-03", "P1", "South", 1.0, None),
    ]


async def test_a_price_missing_in_a_later_file_does_not_wipe_the_known_one(
    client: httpx.AsyncClient, import_file: ImportFile
) -> None:
    await import_file("sales", "date,sku,quantity,price\n2024-01-01,P1,1,9\n")
    again = await import_file("sales", "date,sku,quantity\n2024-01-01,P1,1\n")
    assert again["counts"]["unchanged"] == 1
    assert await stored_sales(client) == [("2024-01-01", "P1", "MAIN", 1.0, 9.0)]


async def test_unknown_articles_are_created_until_a_catalogue_is_loaded_and_quarantined_from_then_on(
    client: httpx.AsyncClient, import_file: ImportFile, quarantine: Quarantine
) -> None:
    before = await import_file("sales", "date,sku,quantity\n2024-01-01,P1,1\n")
    assert before["rules"]["article_created"] == 1
    assert (await client.get("/v1/products/P1")).json()["is_declared"] is False
    await import_file("products", "sku,name\nP2,Pear\n")
    after = await import_file("sales", "date,sku,quantity\n2024-01-02,P1,1\n2024-01-02,P2,1\n2024-01-02,P3,1\n")
    assert after["counts"]["applied"] == 2
    assert [(row["line"], row["value"], row["rule"]) for row in await quarantine(after)] == [
        (4, "P3", "unknown_article")
    ]


@pytest.mark.parametrize(("policy", "applied"), [("create", 1), ("quarantine", 0)])
async def test_the_policy_for_unknown_articles_can_be_set(
    settings: Settings,
    import_file: ImportFile,
    resources: Resources,
    client: httpx.AsyncClient,
    policy: str,
    applied: int,
) -> None:
    await import_file("products", "sku\nP1\n")
    changed = Resources(
        settings.model_copy(update={"unknown_articles": policy}), resources.database, resources.idempotent
    )
    answer = await client.post("/v1/imports", params={"kind": "sales"}, content="date,sku,quantity\n2024-01-01,X,1\n")
    await create_import_worker(changed).run_once()
    assert (await client.get(answer.headers["location"])).json()["counts"]["applied"] == applied


async def test_a_completed_import_is_announced_with_its_counts(import_file: ImportFile, events: Events) -> None:
    finished = await import_file("sales", "date,sku,quantity\n2024-01-01,P1,1\nx,P1,1\n", filename="s.csv")
    (event,) = [event for event in await events() if event["type"] == "data.import.completed.v1"]
    assert event["subject"] == finished["id"]
    assert event["data"]["counts"] == {"read": 2, "applied": 1, "unchanged": 0, "cleaned": 0, "quarantined": 1}
    assert (event["data"]["period_start"], event["data"]["file_name"]) == ("2024-01-01", "s.csv")


async def upload(client: httpx.AsyncClient, content: str = "date,sku,quantity\n2024-01-01,P1,1\n") -> str:
    answer = await client.post("/v1/imports", params={"kind": "sales"}, content=content)
    return answer.json()["id"]


async def test_an_import_whose_worker_died_is_resumed_once_its_lease_has_run_out(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    import_id = await upload(client)
    worker = create_import_worker(resources)
    await execute(resources, "UPDATE data.imports SET status='running', attempts=1, lease=gen_random_uuid(), lease_until=now() + interval '1 hour'")  # fmt: skip
    assert not await worker.run_once()
    await execute(resources, "UPDATE data.imports SET lease_until = now() - interval '1 second'")
    assert await worker.run_once()
    assert (await client.get(f"/v1/imports/{import_id}")).json()["status"] == "completed"


async def test_an_import_that_keeps_killing_its_worker_is_given_up_and_says_so(
    client: httpx.AsyncClient, resources: Resources, settings: Settings, events: Events
) -> None:
    import_id = await upload(client)
    await execute(resources, "UPDATE data.imports SET status='running', attempts=:n, lease_until=now() - interval '1 second'", n=settings.import_attempts)  # fmt: skip
    await create_import_worker(resources).run_once()
    finished = (await client.get(f"/v1/imports/{import_id}")).json()
    assert finished["status"] == "failed"
    assert finished["problem"]["code"] == "import_interrupted"
    assert await stored_sales(client) == []
    assert [event["type"] for event in await events()] == ["data.import.failed.v1"]


async def test_a_worker_that_lost_its_lease_meanwhile_applies_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    import_id = await upload(client)
    worker = create_import_worker(resources)
    claim = await worker._queue.claim()
    assert claim is not None
    await execute(resources, "UPDATE data.imports SET lease = gen_random_uuid()")
    await worker._process(claim)
    assert await stored_sales(client) == []
    assert (await client.get(f"/v1/imports/{import_id}")).json()["status"] == "running"


async def test_a_worker_told_to_stop_gives_its_import_back(client: httpx.AsyncClient, resources: Resources) -> None:
    rows = "".join(f"2024-01-01,P{i},1\n" for i in range(200_000))
    import_id = await upload(client, "date,sku,quantity\n" + rows)
    task = asyncio.create_task(create_import_worker(resources).run())
    while (await client.get(f"/v1/imports/{import_id}")).json()["status"] != "running":  # noqa: ASYNC110 -- polled as users do
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    record = (await client.get(f"/v1/imports/{import_id}")).json()
    assert (record["status"], record["progress"]) == ("queued", 0)
    assert await stored_sales(client) == []
    assert await create_import_worker(resources).run_once()
    assert (await client.get(f"/v1/imports/{import_id}")).json()["counts"]["applied"] == 200_000


async def test_a_lost_upload_fails_the_import_with_the_reason(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    import_id = await upload(client)
    for path in settings.spool_directory.iterdir():
        path.unlink()
    await create_import_worker(resources).run_once()
    assert (await client.get(f"/v1/imports/{import_id}")).json()["problem"]["code"] == "file_lost"


async def test_progress_grows_while_a_file_is_imported(client: httpx.AsyncClient, resources: Resources) -> None:
    rows = "".join(f"2024-{1 + i % 12:02}-01,P{i % 50000},{i}\n" for i in range(600_000))
    import_id = await upload(client, "date,sku,quantity\n" + rows)
    task = asyncio.create_task(create_import_worker(resources).run())
    seen = set()
    while (record := (await client.get(f"/v1/imports/{import_id}")).json())["status"] != "completed":
        seen.add(record["progress"])
        await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert any(0 < progress < 1 for progress in seen)
    assert record["progress"] == 1


CELLS = {
    "date": st.sampled_from(["2024-01-01", "2024-01-02", "02.01.2024", "2024-02-31", "", "2099-01-01"]),
    "sku": st.sampled_from(["P1", "P2", "P3", "", " P1"]),
    "quantity": st.sampled_from(["1", "2,5", "-1", "x", "", "1e3"]),
    "price": st.sampled_from(["1", "1.5", "-2", "", "?"]),
}
ROW = st.tuples(*CELLS.values())


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(table=st.lists(st.one_of(ROW, st.tuples(st.just("short"))), max_size=30))
async def test_every_row_of_any_mess_is_applied_unchanged_cleaned_or_quarantined(
    import_file: ImportFile, table: list[tuple[str, ...]]
) -> None:
    """The fixtures live through all examples, so that later messes meet what earlier ones stored."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(CELLS)
    writer.writerows(table)
    finished = await import_file("sales", out.getvalue())
    assert finished["counts"]["read"] == len(table)
