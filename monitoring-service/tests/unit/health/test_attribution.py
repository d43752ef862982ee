from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from monitoring_service.health.domain.attribution import changes, root_cause
from monitoring_service.health.domain.state import Status, TargetState
from monitoring_service.health.domain.targets import Kind
from monitoring_service.incidents.domain import Change, Joined, Opened, OpenIncident, Recovered, Resolved

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GRACE = timedelta(seconds=60)
SERVICES = ("data-service", "forecast-service", "gateway", "monitoring", "notification-service", "storage-service")


def state(name: str, status: Status, *suspects: str, failures: int | None = None, since: datetime = NOW) -> TargetState:
    counted = failures if failures is not None else (3 if status is Status.DOWN else 0)
    return TargetState(name, Kind.HTTP, status, since, NOW, failures=counted, suspects=suspects, error="no answer")


def platform(*states: TargetState) -> dict[str, TargetState]:
    return {s.name: s for s in states}


def incident(root: str, *affected: str) -> OpenIncident:
    return OpenIncident(uuid4(), root, frozenset(affected))


def decide(states: Mapping[str, TargetState], *incidents: OpenIncident, now: datetime = NOW) -> list[Change]:
    return changes(states, incidents, now, GRACE)


def test_postgresql_away_makes_one_incident_not_seven() -> None:
    states = platform(state("postgres", Status.DOWN), *(state(name, Status.DOWN, "postgres") for name in SERVICES))
    made = decide(states)
    assert [change for change in made if isinstance(change, Opened)] == [Opened("postgres", "no answer")]
    assert {change.target for change in made if isinstance(change, Joined)} == set(SERVICES)


def test_a_service_that_is_down_alone_opens_its_own() -> None:
    states = platform(state("postgres", Status.UP), state("data-service", Status.DOWN, "postgres"))
    assert decide(states) == [Opened("data-service", "no answer")]


def test_a_dependant_waits_while_its_root_is_on_the_way_down() -> None:
    states = platform(state("postgres", Status.UP, failures=2), state("data-service", Status.DOWN, "postgres"))
    assert decide(states) == []


def test_a_later_failure_joins_the_open_incident_of_its_root() -> None:
    open_incident = incident("postgres", "postgres")
    states = platform(state("postgres", Status.DOWN), state("data-service", Status.DOWN, "postgres"))
    assert decide(states, open_incident) == [Joined(open_incident.id, "postgres", "data-service")]


def test_causes_are_followed_to_their_end() -> None:
    states = platform(
        state("postgres", Status.DOWN),
        state("gateway", Status.DOWN, "postgres"),
        state("data-service", Status.DOWN, "gateway"),
    )
    assert root_cause("data-service", states) == "postgres"


def test_targets_that_blame_each_other_agree_on_one_incident() -> None:
    states = platform(state("a", Status.DOWN, "b"), state("b", Status.DOWN, "a"), state("c", Status.DOWN, "b"))
    assert decide(states) == [Opened("a", "no answer"), Joined(None, "a", "b"), Joined(None, "a", "c")]


def test_a_failure_joins_the_incident_its_root_is_part_of() -> None:
    open_incident = incident("postgres", "postgres", "gateway")
    states = platform(
        state("postgres", Status.DOWN), state("gateway", Status.DOWN), state("data-service", Status.DOWN, "gateway")
    )
    assert decide(states, open_incident) == [Joined(open_incident.id, "gateway", "data-service")]


def test_an_incident_ends_when_everything_it_covers_is_up() -> None:
    open_incident = incident("postgres", "postgres", "gateway")
    states = platform(state("postgres", Status.UP), state("gateway", Status.UP))
    assert decide(states, open_incident) == [
        Recovered(open_incident.id, "gateway"),
        Recovered(open_incident.id, "postgres"),
        Resolved(open_incident.id),
    ]


def test_dependants_have_time_to_follow_their_root() -> None:
    open_incident = incident("postgres", "gateway")
    states = platform(state("postgres", Status.UP), state("gateway", Status.DOWN, "postgres"))
    assert decide(states, open_incident, now=NOW + GRACE - timedelta(seconds=1)) == []


def test_a_dependant_that_stays_away_gets_an_incident_of_its_own() -> None:
    open_incident = incident("postgres", "gateway")
    states = platform(state("postgres", Status.UP), state("gateway", Status.DOWN, "postgres"))
    assert decide(states, open_incident, now=NOW + GRACE) == [
        Recovered(open_incident.id, "gateway", moved=True),
        Resolved(open_incident.id),
        Opened("gateway", "no answer"),
    ]


def test_a_root_that_falls_again_rejoins_its_open_incident() -> None:
    open_incident = incident("postgres", "gateway")
    states = platform(state("postgres", Status.DOWN), state("gateway", Status.DOWN, "postgres"))
    assert decide(states, open_incident) == [Joined(open_incident.id, "postgres", "postgres")]


def test_a_target_that_is_no_longer_probed_counts_as_recovered() -> None:
    open_incident = incident("old-service", "old-service")
    assert decide({}, open_incident) == [Recovered(open_incident.id, "old-service"), Resolved(open_incident.id)]


def apply(made: list[Change], incidents: list[OpenIncident]) -> list[OpenIncident]:
    kept: dict[UUID, OpenIncident] = {i.id: i for i in incidents}
    fresh: dict[str, UUID] = {}
    for change in made:
        match change:
            case Opened():
                new = OpenIncident(uuid4(), change.root, frozenset({change.root}))
                kept[new.id], fresh[change.root] = new, new.id
            case Joined():
                key = change.incident_id or fresh[change.root]
                kept[key] = replace(kept[key], affected=kept[key].affected | {change.target})
            case Recovered():
                key = change.incident_id
                kept[key] = replace(kept[key], affected=kept[key].affected - {change.target})
            case Resolved():
                assert not kept[change.incident_id].affected
                del kept[change.incident_id]
    return list(kept.values())


names = st.sampled_from(("a", "b", "c", "postgres"))
worlds = st.lists(
    st.dictionaries(
        names,
        st.tuples(st.sampled_from(list(Status)), st.lists(names, max_size=2), st.integers(0, 3)),
        min_size=1,
    ),
    min_size=1,
    max_size=12,
)


@given(worlds)
def test_every_target_that_is_down_stays_in_at_most_one_incident_and_no_root_has_two(
    rounds: list[dict[str, tuple[Status, list[str], int]]],
) -> None:
    incidents: list[OpenIncident] = []
    for number, world in enumerate(rounds):
        now = NOW + timedelta(seconds=30 * number)
        states = platform(
            *(
                state(name, status, *(s for s in suspects if s != name), failures=failures, since=now)
                for name, (status, suspects, failures) in world.items()
            )
        )
        incidents = apply(changes(states, incidents, now, GRACE), incidents)
        covered = [name for i in incidents for name in i.affected]
        assert len(covered) == len(set(covered))
        assert len({i.root for i in incidents}) == len(incidents)
        down = {name for name, s in states.items() if s.status is Status.DOWN}
        assert set(covered) <= down
        waiting = {n for n in down if root_cause(n, states) not in down}
        assert down <= set(covered) | waiting
