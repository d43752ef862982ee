import pytest

from shared.testing.conformance import assert_problem


async def test_accuracy_is_listed_per_article_page_by_page(company, run_stored, client) -> None:
    run = await run_stored()
    first = (await client.get("/v1/accuracy", params={"limit": 3})).json()
    second = (await client.get("/v1/accuracy", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    items = first["items"] + second["items"]
    assert [item["sku"] for item in items] == ["A0", "A1", "A2", "B0", "C0"]
    assert second["next_cursor"] is None
    assert {item["run_id"] for item in items} == {run["id"]}
    error = sum(abs(item["forecast"] - item["actual"]) for item in items)
    actual = sum(item["actual"] for item in items)
    assert error / actual == pytest.approx(run["accuracy"]["wape_28"], rel=1e-3)


async def test_one_article_of_one_run_can_be_asked_for(company, run_stored, client) -> None:
    first = await run_stored()
    await run_stored()
    page = (await client.get("/v1/accuracy", params={"run_id": first["id"], "sku": "A1"})).json()
    assert [(item["sku"], item["run_id"]) for item in page["items"]] == [("A1", first["id"])]


async def test_before_any_run_the_list_is_empty(client) -> None:
    assert (await client.get("/v1/accuracy")).json() == {"items": [], "next_cursor": None}


async def test_a_cursor_of_another_list_is_refused(client) -> None:
    assert_problem(await client.get("/v1/accuracy", params={"cursor": "WzEsMl0"}), 422, "invalid_cursor")
