"""Recording rounds of probes, the present state of the platform, and single probe results."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Self
from uuid import UUID

from prometheus_client import Gauge

from monitoring_service.database import StoreUnavailableError, reaching_database
from monitoring_service.health.adapters.prober import Prober
from monitoring_service.health.domain.attribution import changes
from monitoring_service.health.domain.overview import Overall, overall
from monitoring_service.health.domain.state import Outcome, Round, TargetState, Thresholds, advance
from monitoring_service.health.domain.targets import suspects
from monitoring_service.health.models import ProbeRecord
from monitoring_service.health.repository import HealthRepository
from monitoring_service.incidents.service import IncidentLedger, count_open_incidents
from monitoring_service.resources import Cached, Resources
from monitoring_service.settings import Settings
from shared.database.schedule import run_once
from shared.database.unit_of_work import Database
from shared.observability.logging import get_logger

PROBE_UP = Gauge("platform_probe_up", "1 when the target's last probe succeeded.", ["target"])
PROBE_LATENCY = Gauge("platform_probe_latency_seconds", "Latency of the last successful probe.", ["target"])
PROBE_ROUND = Gauge("platform_probe_last_round_timestamp_seconds", "When the targets were last asked, Unix time.")
INCIDENTS_OPEN = Gauge("platform_incidents_open", "Incidents that are not resolved.")

_BACKLOG_ROUNDS = 1000
_log = get_logger(__name__)
_ONE_ANSWER_DECIDES = Thresholds(failures=1, successes=1)


@dataclass(frozen=True)
class PlatformStatus:
    """`open_incidents` is None when only live probes could tell."""

    overall: Overall
    as_of: datetime
    source: Literal["recorded", "live"]
    targets: Sequence[TargetState]
    open_incidents: int | None


@dataclass(frozen=True)
class Policy:
    interval: timedelta
    thresholds: Thresholds
    grace: timedelta
    retention: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            interval=timedelta(seconds=settings.probe_interval_seconds),
            thresholds=Thresholds(settings.probe_failure_threshold, settings.probe_success_threshold),
            grace=timedelta(seconds=settings.recovery_grace_seconds),
            retention=timedelta(days=settings.probe_retention_days),
        )


class Watch:
    """Asks all targets, once per interval whatever the number of replicas, and records what changed.

    While PostgreSQL is away every replica goes on asking and keeps the rounds; the first to find it back records them,
    so that the incident shows when the outage really began.
    """

    @classmethod
    def of(cls, settings: Settings, resources: Resources) -> Self:
        return cls(resources.database, Prober.of(settings, resources.probe_client), Policy.of(settings))

    def __init__(self, database: Database, prober: Prober, policy: Policy) -> None:
        self._database = database
        self._prober = prober
        self._policy = policy
        self._backlog: deque[Round] = deque(maxlen=_BACKLOG_ROUNDS)
        self._asked_at = datetime.min.replace(tzinfo=UTC)

    async def take_turn(self) -> None:
        began = datetime.now(UTC)
        try:
            async with reaching_database():
                if not await run_once(self._database, "probes", self._ask_and_record):
                    await self._show_recorded()
        except StoreUnavailableError as error:
            _log.warning("probes_not_recorded", reason=str(error.__cause__), rounds_kept=len(self._backlog))
            if self._asked_at < began:
                await self._ask()

    async def _ask_and_record(self) -> None:
        if not self._backlog and await self._asked_lately():
            await self._show_recorded()
            return
        await self._ask()
        while self._backlog:
            await self._record(self._backlog[0])
            self._backlog.popleft()
        await self._show_recorded()

    async def _ask(self) -> None:
        turn = await self._prober.probe_all()
        self._asked_at = turn.at
        self._backlog.append(turn)
        _show({outcome.target.name: outcome for outcome in turn.outcomes}, turn.at)

    async def _asked_lately(self) -> bool:
        async with self._database.unit_of_work() as work:
            last = await HealthRepository(work.session).last_checked_at()
        return last is not None and datetime.now(UTC) - last < self._policy.interval / 2

    async def _record(self, turn: Round) -> None:
        async with self._database.unit_of_work() as work:
            health = HealthRepository(work.session)
            known = await health.states()
            if known and turn.at <= max(state.checked_at for state in known.values()):
                return  # another replica recorded a later round
            states = {o.target.name: self._next(known.get(o.target.name), o, turn.at) for o in turn.outcomes}
            ledger = IncidentLedger(work, {target.name: target.owner for target in self._prober.targets})
            made = changes(states, await ledger.list_open(), turn.at, self._policy.grace)
            await ledger.apply(made, turn.at)
            await health.save_states(states)
            await health.add_results(turn)
            await work.commit()
        for change in made:
            _log.info("incident_changed", change=repr(change))

    def _next(self, state: TargetState | None, outcome: Outcome, at: datetime) -> TargetState:
        following = advance(state, outcome, at, self._policy.thresholds)
        return replace(following, suspects=suspects(outcome.target, outcome.down_dependencies))

    async def _show_recorded(self) -> None:
        """Every replica shows the same figures, also those that did not ask."""
        async with self._database.unit_of_work() as work:
            states = await HealthRepository(work.session).states()
            INCIDENTS_OPEN.set(await count_open_incidents(work))
        if states:
            _show(states, max(state.checked_at for state in states.values()))

    async def forget_old_results(self) -> None:
        async with self._database.unit_of_work() as work:
            await HealthRepository(work.session).prune_results(datetime.now(UTC) - self._policy.retention)
            await work.commit()


def _show(answers: Mapping[str, Outcome | TargetState], at: datetime) -> None:
    for name, answer in answers.items():
        PROBE_UP.labels(name).set(not answer.failing)
        if answer.latency_seconds is not None:
            PROBE_LATENCY.labels(name).set(answer.latency_seconds)
    PROBE_ROUND.set(at.timestamp())


class StatusService:
    @classmethod
    def of(cls, settings: Settings, resources: Resources) -> Self:
        prober = Prober.of(settings, resources.probe_client)
        return cls(resources.database, prober, resources.live_round)

    def __init__(self, database: Database, prober: Prober, live_round: Cached[Round]) -> None:
        """`live_round` keeps a round made on the spot for everybody who asks within a few seconds."""
        self._database = database
        self._prober = prober
        self._live_round = live_round

    async def read_status(self) -> PlatformStatus:
        """What the probes recorded; asked anew on the spot while PostgreSQL is away."""
        try:
            async with reaching_database(), self._database.unit_of_work() as work:
                states = await HealthRepository(work.session).states()
                incidents = await count_open_incidents(work)
        except StoreUnavailableError:
            return await self._ask_now()
        as_of = max((state.checked_at for state in states.values()), default=datetime.now(UTC))
        return _status(states, as_of, "recorded", incidents)

    async def _ask_now(self) -> PlatformStatus:
        turn = await self._live_round.get(self._prober.probe_all)
        states = {o.target.name: advance(None, o, turn.at, _ONE_ANSWER_DECIDES) for o in turn.outcomes}
        return _status(states, turn.at, "live", None)

    async def list_results(
        self, *, target: str | None, failed_only: bool, before: UUID | None, limit: int
    ) -> Sequence[ProbeRecord]:
        async with reaching_database(), self._database.unit_of_work() as work:
            return await HealthRepository(work.session).list_results(
                target=target, failed_only=failed_only, before=before, limit=limit
            )


def _status(
    states: Mapping[str, TargetState], as_of: datetime, source: Literal["recorded", "live"], incidents: int | None
) -> PlatformStatus:
    verdict = overall([state.status for state in states.values()])
    ordered = sorted(states.values(), key=lambda state: state.name)
    return PlatformStatus(verdict, as_of, source, ordered, incidents)
