"""Which incident a failure belongs to: one for the root cause, not one for each symptom."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from monitoring_service.health.domain.state import Status, TargetState
from monitoring_service.incidents.domain import Change, Joined, Opened, OpenIncident, Recovered, Resolved


def root_cause(name: str, states: Mapping[str, TargetState]) -> str:
    """The failing target at the end of the chain of suspects; `name` itself when none of them fails.

    Of targets that blame each other in a ring it is the first by name, so that all of them agree.
    """
    chain = [name]
    while True:
        suspects = (s for s in states[chain[-1]].suspects if s in states and states[s].failing)
        suspect = next(suspects, None)
        if suspect is None:
            return chain[-1]
        if suspect in chain:
            return min(chain[chain.index(suspect) :])
        chain.append(suspect)


def changes(
    states: Mapping[str, TargetState], incidents: Sequence[OpenIncident], now: datetime, grace: timedelta
) -> list[Change]:
    """What this round changes about the open incidents, in the order to apply it.

    A target that is down belongs to its root's incident. When the root is back, its dependants have `grace` to follow;
    after that each is judged on its own. An incident ends when everything it covers is up. A target that is no longer
    probed counts as recovered.
    """
    down = {name for name, state in states.items() if state.status is Status.DOWN}
    made: list[Change] = []
    covered: set[str] = set()
    homes: dict[str, UUID] = {}
    for incident in incidents:
        left = set(incident.affected & down)
        made += [Recovered(incident.id, name) for name in sorted(incident.affected - down)]
        if left and _grace_is_over(incident, states, down, now, grace):
            made += [Recovered(incident.id, name, moved=True) for name in sorted(left)]
            left.clear()
        if left:
            covered |= left
            homes.update(dict.fromkeys((incident.root, *left), incident.id))
        else:
            made.append(Resolved(incident.id))
    return made + list(_new_failures(states, down - covered, homes))


def _grace_is_over(
    incident: OpenIncident, states: Mapping[str, TargetState], down: set[str], now: datetime, grace: timedelta
) -> bool:
    root = states.get(incident.root)
    return incident.root not in down and (root is None or now - root.since >= grace)


def _new_failures(states: Mapping[str, TargetState], fresh: set[str], homes: Mapping[str, UUID]) -> Iterator[Change]:
    """`homes` maps the targets of open incidents, and their roots, to the incident."""
    roots = {name: root_cause(name, states) for name in sorted(fresh)}
    opened = {name for name, root in roots.items() if root == name and name not in homes}
    for name in sorted(opened):
        yield Opened(name, states[name].error)
    for name, root in roots.items():
        if root in homes:
            yield Joined(homes[root], root, name)
        elif root in opened and root != name:
            yield Joined(None, root, name)
        # Otherwise the root fails but is not down yet: the next rounds decide whose incident this is.
