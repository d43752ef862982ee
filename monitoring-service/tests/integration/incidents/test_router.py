from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from monitoring_service.incidents.domain import Opened, Recovered, Resolved
from monitoring_service.incidents.service import IncidentLedger
from monitoring_service.resources import Resources
from monitoring_service.settings import Settings
from shared.testing.conformance import assert_problem

START = datetime(2026, 11, 1, tzinfo=UTC)


async def open_incident(resources: Resources, root: str, minute: int = 0) -> None:
    async with resources.database.unit_of_work() as work:
        await IncidentLedger(work, {root: None}).apply([Opened(root, "refused")], START + timedelta(minutes=minute))
        await work.commit()


async def resolve_all(resources: Resources) -> None:
    async with resources.database.unit_of_work() as work:
        ledger = IncidentLedger(work, {})
        for incident in await ledger.list_open():
            made = [*(Recovered(incident.id, name) for name in incident.affected), Resolved(incident.id)]
            await ledger.apply(made, START + timedelta(hours=1))
        await work.commit()


async def test_pages_walk_through_all_incidents_newest_first(client: httpx.AsyncClient, resources: Resources) -> None:
    for number in range(5):
        await open_incident(resources, f"service-{number}", number)
    roots: list[str] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/incidents", params=query)).json()
        roots += [item["root"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert roots == [f"service-{n}" for n in (4, 3, 2, 1, 0)]


async def test_open_and_resolved_ones_are_told_apart(client: httpx.AsyncClient, resources: Resources) -> None:
    await open_incident(resources, "old-service")
    await resolve_all(resources)
    await open_incident(resources, "new-service")
    for state, root in (("open", "new-service"), ("resolved", "old-service")):
        items = (await client.get("/v1/incidents", params={"state": state})).json()["items"]
        assert [item["root"] for item in items] == [root]


async def test_acknowledging_keeps_who_and_when_and_each_note(
    client_of: Callable[..., Any], settings: Settings, resources: Resources
) -> None:
    await open_incident(resources, "postgres")
    async with client_of(settings, roles=["ops"], name="anna@example.com") as anna:
        [incident] = (await anna.get("/v1/incidents")).json()["items"]
        path = f"/v1/incidents/{incident['id']}/acknowledgement"
        first = (await anna.post(path, json={"note": "restarting it"})).json()
    async with client_of(settings, roles=["admin"], name="boris@example.com") as boris:
        second = (await boris.post(path, json={})).json()
    assert first["acknowledged_by"] == second["acknowledged_by"] == "anna@example.com"
    assert second["acknowledged_at"] == first["acknowledged_at"]
    assert [(e["kind"], e["author"], e["text"]) for e in second["timeline"]] == [
        ("opened", None, "refused"),
        ("acknowledged", "anna@example.com", "restarting it"),
        ("acknowledged", "boris@example.com", None),
    ]


async def test_an_incident_that_is_over_cannot_be_taken_over(client: httpx.AsyncClient, resources: Resources) -> None:
    await open_incident(resources, "postgres")
    await resolve_all(resources)
    [incident] = (await client.get("/v1/incidents")).json()["items"]
    response = await client.post(f"/v1/incidents/{incident['id']}/acknowledgement", json={})
    assert_problem(response, 409, "incident_resolved")


async def test_buyers_may_look_but_not_take_over(
    client_of: Callable[..., Any], settings: Settings, resources: Resources
) -> None:
    await open_incident(resources, "postgres")
    async with client_of(settings, roles=["buyer"]) as buyer:
        [incident] = (await buyer.get("/v1/incidents")).json()["items"]
        response = await buyer.post(f"/v1/incidents/{incident['id']}/acknowledgement", json={})
        assert_problem(response, 403, "forbidden")


async def test_an_unknown_incident_is_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/incidents/{uuid4()}"), 404, "incident_not_found")
    response = await client.post(f"/v1/incidents/{uuid4()}/acknowledgement", json={})
    assert_problem(response, 404, "incident_not_found")


@pytest.mark.parametrize("note", ["", "   ", "a\x00b", "x" * 2001, 3])
async def test_a_note_that_cannot_be_kept_is_refused(client: httpx.AsyncClient, note: Any) -> None:
    response = await client.post(f"/v1/incidents/{uuid4()}/acknowledgement", json={"note": note})
    assert assert_problem(response, 422)["errors"][0]["pointer"] == "/note"


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "zz"},
        {"cursor": "WyJub3QtYS11dWlkIl0"},
        {"cursor": "WzFd"},
        {"cursor": "W251bGxd"},
        {"limit": 0},
        {"limit": 1001},
        {"state": "closed"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/probes", "/v1/alerts"])
async def test_a_wrong_page_is_the_callers_mistake(client: httpx.AsyncClient, path: str, query: dict[str, Any]) -> None:
    if "state" in query and path != "/v1/incidents":
        query = {"status": "closed", "target": "\x00"}
    assert_problem(await client.get(path, params=query), 422)


async def test_a_root_never_has_two_open_incidents(resources: Resources) -> None:
    await open_incident(resources, "postgres")
    with pytest.raises(IntegrityError):
        await open_incident(resources, "postgres")
