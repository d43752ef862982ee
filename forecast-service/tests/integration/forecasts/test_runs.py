"""From the request to stored forecasts: the queue, the worker, the computing process, the routes."""

import asyncio
import time
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text

from shared.testing.conformance import assert_problem

pytestmark = pytest.mark.timeout(300)


async def test_a_run_goes_from_queued_to_completed_with_figures_and_plan(company, run_once, client, events) -> None:
    run = await run_once()
    assert (run["status"], run["phase"], run["progress"]) == ("completed", "done", 1.0)
    assert run["articles"] == 5
    assert sum(run["models"].values()) == 5
    assert run["history_end"] == "2026-03-01"
    assert run["horizon_days"] == 28
    assert 0 < run["accuracy"]["wape_28"] < 1
    assert run["accuracy"]["scored_series"] == 5
    assert run["problem"] is None
    plan = (await client.get(f"/v1/plans/{run['plan_id']}")).json()
    assert plan["run_id"] == run["id"]
    told = await events()
    assert [event["type"] for event in told] == [
        "forecast.recommendations.published.v1",
        "forecast.stockout-risk.detected.v1",
        "forecast.run.completed.v1",
    ]
    assert told[-1]["data"]["articles"] == 5
    assert told[-1]["data"]["accuracy"]["wape_28"] == pytest.approx(run["accuracy"]["wape_28"])


async def test_stored_forecasts_can_be_read_per_article_and_warehouse(data, run_stored, client) -> None:
    data.sell("A0", 8.0)
    data.sell("A0", 2.0, warehouse="NORTH")
    run = await run_stored()
    forecast = (await client.get("/v1/forecasts/A0")).json()
    assert forecast["run_id"] == run["id"]
    assert [each["warehouse"] for each in forecast["warehouses"]] == ["MAIN", "NORTH"]
    main = forecast["warehouses"][0]
    assert [day["date"] for day in main["days"]][:2] == ["2026-03-02", "2026-03-03"]
    assert len(main["days"]) == 28
    assert sum(main["weights"].values()) == pytest.approx(1, abs=0.01)
    assert np.mean([day["mean"] for day in main["days"]]) == pytest.approx(8, rel=0.25)
    for day in main["days"]:
        assert 0 <= day["q10"] <= day["q50"] <= day["q90"]
    last = main["sums"][-1]
    assert last["days"] == 28
    assert last["mean"] < last["quantiles"]["0.95"] < 28 * main["days"][0]["q90"]
    north = (await client.get("/v1/forecasts/A0", params={"warehouse": "NORTH"})).json()
    assert [each["warehouse"] for each in north["warehouses"]] == ["NORTH"]
    assert_problem(await client.get("/v1/forecasts/nothing"), 404, "forecast_not_found")


async def test_the_horizon_grows_with_the_longest_lead_time_and_a_broken_stream_is_begun_anew(data, run_once) -> None:
    data.sell("A0", 8.0, lead_time_days=50)
    data.broken_streams = 1
    assert (await run_once())["horizon_days"] == 57


async def test_a_horizon_that_was_asked_for_is_kept(data, run_once) -> None:
    data.sell("A0", 8.0, lead_time_days=50)
    assert (await run_once(horizon_days=30))["horizon_days"] == 30


@pytest.mark.parametrize("horizon", [0, 27, 92, "x"])
async def test_an_impossible_horizon_is_refused(client, horizon) -> None:
    problem = assert_problem(await client.post("/v1/runs", json={"horizon_days": horizon}), 422, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/horizon_days"


async def test_without_sales_the_run_fails_and_says_what_to_do(data, run_once, events) -> None:
    run = await run_once()
    assert run["status"] == "failed"
    assert run["problem"]["code"] == "no_demand"
    assert "import sales" in run["problem"]["detail"]
    assert [event["type"] for event in await events()] == ["forecast.run.failed.v1"]


async def test_queued_runs_for_the_same_are_one(client) -> None:
    first, second, other = [
        (await client.post("/v1/runs", json=body)).json() for body in ({}, {}, {"horizon_days": 60})
    ]
    assert first["id"] == second["id"] != other["id"]


async def test_the_same_key_gives_the_same_run_even_after_it_ended(client, worker) -> None:
    headers = {"Idempotency-Key": "once"}
    first = (await client.post("/v1/runs", headers=headers)).json()
    await worker.run_once()
    again = await client.post("/v1/runs", headers=headers)
    assert (again.json()["id"], again.json()["status"]) == (first["id"], "failed")
    assert_problem(
        await client.post("/v1/runs", json={"horizon_days": 40}, headers=headers), 409, "idempotency_key_reused"
    )


async def test_runs_are_listed_page_by_page_newest_first(client) -> None:
    made = [(await client.post("/v1/runs", json={"horizon_days": 28 + n})).json()["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/runs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [run["id"] for run in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert (await client.get("/v1/runs", params={"status": "completed"})).json()["items"] == []
    assert_problem(await client.get("/v1/runs", params={"cursor": "nonsense"}), 422, "invalid_cursor")
    assert_problem(await client.get("/v1/runs", params={"cursor": "WzFd"}), 422, "invalid_cursor")


async def test_a_queued_run_is_cancelled_at_once_and_only_once(client, worker) -> None:
    run = (await client.post("/v1/runs")).json()
    cancelled = await client.post(f"/v1/runs/{run['id']}/cancellation")
    assert cancelled.json()["status"] == "cancelled"
    assert not await worker.run_once()
    assert_problem(await client.post(f"/v1/runs/{run['id']}/cancellation"), 409, "run_finished")
    assert_problem(await client.post(f"/v1/runs/{uuid4()}/cancellation"), 404, "run_not_found")


async def test_a_running_run_is_cancelled_within_seconds_and_leaves_no_process(
    company, client, worker, working
) -> None:
    company.demand_delay_seconds = 60
    run = (await client.post("/v1/runs")).json()
    async with working(worker):
        await wait_until(client, run["id"], "running")
        began = time.monotonic()
        await client.post(f"/v1/runs/{run['id']}/cancellation")
        await wait_until(client, run["id"], "cancelled")
    assert time.monotonic() - began < 20, "far less than the minute the demand would have taken"


async def wait_until(client, run_id: str, status: str, seconds: float = 60) -> dict:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = (await client.get(f"/v1/runs/{run_id}")).json()
        if run["status"] == status:
            return run
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {status} within {seconds} s: {run}")


async def test_progress_and_phase_can_be_watched(company, client, worker, working) -> None:
    company.demand_delay_seconds = 1.5
    run = (await client.post("/v1/runs")).json()
    assert (run["status"], run["phase"]) == ("queued", "queued")
    async with working(worker):
        seen = []
        while not seen or seen[-1][0] not in {"completed", "failed"}:
            now = (await client.get(f"/v1/runs/{run['id']}")).json()
            seen.append((now["status"], now["phase"], now["progress"]))
            await asyncio.sleep(0.05)
    assert ("running", "loading") in {(status, phase) for status, phase, _ in seen}
    shares = [share for _, _, share in seen]
    assert shares == sorted(shares)


async def test_a_worker_that_stops_gives_its_run_back(company, client, worker, working, resources) -> None:
    company.demand_delay_seconds = 60
    run = (await client.post("/v1/runs")).json()
    async with working(worker):
        await wait_until(client, run["id"], "running")
    company.demand_delay_seconds = 0
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["status"] == "queued"
    assert await worker.run_once()
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["status"] == "completed"


async def test_a_run_whose_worker_died_is_taken_over(company, client, worker, resources) -> None:
    """A claim whose lease runs out stands for a worker killed with the run in hand."""
    run = (await client.post("/v1/runs")).json()
    await execute(
        resources,
        "UPDATE forecast.runs SET status = 'running', attempts = 1, lease = gen_random_uuid(), lease_until = now() + interval '1 h'",
    )
    assert not await worker.run_once(), "its lease still holds"
    await execute(resources, "UPDATE forecast.runs SET lease_until = now() - interval '1 s'")
    assert await worker.run_once()
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["status"] == "completed"


async def test_a_run_that_killed_its_workers_is_given_up(company, client, worker, resources) -> None:
    run = (await client.post("/v1/runs")).json()
    await execute(
        resources, "UPDATE forecast.runs SET status = 'running', attempts = 3, lease_until = now() - interval '1 s'"
    )
    assert await worker.run_once()
    ended = (await client.get(f"/v1/runs/{run['id']}")).json()
    assert (ended["status"], ended["problem"]["code"]) == ("failed", "run_interrupted")


async def test_a_run_taken_over_after_its_forecasts_goes_on_with_the_plan(
    company, run_stored, client, worker, resources
) -> None:
    run = await run_stored()
    await execute(
        resources,
        "UPDATE forecast.runs SET status = 'running', attempts = 1, lease_until = now() - interval '1 s', plan_id = NULL",
    )
    company.demand.clear()
    assert await worker.run_once()
    again = (await client.get(f"/v1/runs/{run['id']}")).json()
    assert again["status"] == "completed"
    assert again["plan_id"] == run["plan_id"], "the plan that was published is kept"


async def test_one_run_at_a_time(company, client, worker, working, resources) -> None:
    company.demand_delay_seconds = 60
    first = (await client.post("/v1/runs")).json()
    (await client.post("/v1/runs", json={"horizon_days": 60})).json()
    async with working(worker):
        await wait_until(client, first["id"], "running")
        assert not await worker.run_once()
    company.demand_delay_seconds = 0


async def test_a_worker_that_lost_its_lease_stores_nothing(company, client, worker, working, resources) -> None:
    company.demand_delay_seconds = 1.0
    run = (await client.post("/v1/runs")).json()
    async with working(worker):
        await wait_until(client, run["id"], "running")
        await execute(
            resources, "UPDATE forecast.runs SET lease = gen_random_uuid(), lease_until = now() + interval '1 h'"
        )
        await asyncio.sleep(3)
    stored = await execute(resources, "SELECT count(*) FROM forecast.forecasts")
    assert stored == 0
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["status"] == "running", "it is the other worker's"


async def test_forecasts_of_old_runs_are_forgotten_but_decisions_stay(
    company, run_stored, worker, resources, client
) -> None:
    first = await run_stored()
    lines = (await client.get("/v1/recommendations")).json()["items"]
    rejected = lines[0]["id"]
    await client.post(f"/v1/recommendations/{rejected}/rejection", json={"reason": "not now"})
    await execute(
        resources,
        "INSERT INTO forecast.runs (id, status, trigger, requested_by, has_forecasts) SELECT gen_random_uuid(), 'failed', 'manual', 'x', true",
    )
    second = await run_stored()
    worker._settings = worker._settings.model_copy(update={"keep_runs": 1})
    await worker.sweep()
    kept = await execute(resources, "SELECT count(DISTINCT run_id) FROM forecast.forecasts")
    assert kept == 1
    assert (await client.get("/v1/forecasts/A0")).json()["run_id"] == second["id"]
    assert (await client.get(f"/v1/runs/{first['id']}")).json()["status"] == "completed"
    assert (await client.get(f"/v1/recommendations/{rejected}")).json()["status"] == "rejected"
    old = (await client.get("/v1/recommendations", params={"plan_id": first["plan_id"]})).json()["items"]
    assert [line["id"] for line in old] == [rejected]


@pytest.mark.parametrize(("role", "status"), [("ops", 202), ("buyer", 202), ("service", 202), ("nobody", 403)])
async def test_who_may_start_a_run(client, as_role, role, status) -> None:
    assert (await client.post("/v1/runs", headers=as_role(role))).status_code == status


async def execute(resources, statement: str):
    async with resources.database.engine.begin() as connection:
        result = await connection.execute(text(statement))
        return result.scalar_one() if result.returns_rows else None
