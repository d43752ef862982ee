"""The sender: one process at a time takes due messages, sends them outside any transaction, records the answers."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from notification_service.messages.adapters import metrics
from notification_service.messages.adapters.lock import SenderLock, sender_lock
from notification_service.messages.domain.channel import Channel, Outcome, Unusable
from notification_service.messages.domain.delivery import Policy, Step
from notification_service.messages.service import Deliveries, Parcel
from shared.database.unit_of_work import Database
from shared.messaging.failures import INFRASTRUCTURE, describe
from shared.observability.logging import get_logger

RECORD_PAUSES_SECONDS = (0.2, 1.0, 5.0, 15.0)
FINISH_SECONDS = 25.0
OBSERVE_SECONDS = 5.0

_log = get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    poll_seconds: float
    concurrency: int
    channel_pause_seconds: float


@dataclass
class _Hand:
    """What the sender has in hand; `resting_until` is per channel that cannot be used now."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    resting_until: dict[str, float] = field(default_factory=dict)
    observe_at: float = 0.0


class Sender:
    """`channels` are by route, the channel a subscriber asked for; several routes may lead to one channel."""

    def __init__(self, database: Database, channels: Mapping[str, Channel], policy: Policy, pace: Pace) -> None:
        self._database = database
        self._channels = channels
        self._deliveries = Deliveries(database, channels, policy)
        self._pace = pace

    async def run(self) -> None:
        """Until cancelled; then what is in hand gets time to finish. Fails when the database is lost."""
        async with sender_lock(self._database.engine, self._pace.poll_seconds) as lock:
            metrics.SENDER_ACTIVE.set(1)
            try:
                await self._lead(lock)
            finally:
                metrics.SENDER_ACTIVE.set(0)

    async def _lead(self, lock: SenderLock) -> None:
        abandoned = await self._deliveries.abandon()
        if abandoned:
            _log.warning("messages_uncertain", count=abandoned, reason="their sender died with them in hand")
        hand = _Hand()
        try:
            while True:
                await lock.check()
                await self._observe(hand)
                await self._start_due(hand)
                await self._wait(hand)
        finally:
            await self._finish(hand)

    async def _start_due(self, hand: _Hand) -> None:
        free = self._pace.concurrency - len(hand.tasks)
        usable = [route for route, channel in self._channels.items() if await self._usable(hand, channel)]
        for route in usable:
            channel = self._channels[route]
            room = min(free, channel.room())
            if room <= 0:
                continue
            await self._start(hand, route, list(channel.resting()), room)
            free = self._pace.concurrency - len(hand.tasks)
            # The new deliveries have to be counted by their channel before the next route asks it for room.
            await asyncio.sleep(0)

    async def _start(self, hand: _Hand, route: str, resting: list[str], limit: int) -> None:
        """Told to stop meanwhile, what is claimed is still sent: its intent is recorded."""
        claiming = asyncio.create_task(self._deliveries.claim([route], resting, limit), name="claim")
        try:
            await asyncio.shield(claiming)
        finally:
            await asyncio.wait({claiming})
            if claiming.exception() is None:
                for parcel in claiming.result():
                    hand.tasks.add(asyncio.create_task(self._deliver(hand, parcel), name="delivery"))

    async def _usable(self, hand: _Hand, channel: Channel) -> bool:
        if time.monotonic() < hand.resting_until.get(channel.name, 0.0):
            return False
        problem = await channel.prepare()
        if problem is not None:
            self._rest(hand, channel, problem.detail)
        else:
            metrics.CHANNEL_USABLE.labels(channel.name).set(1)
        return problem is None

    def _rest(self, hand: _Hand, channel: Channel, detail: str) -> None:
        hand.resting_until[channel.name] = time.monotonic() + self._pace.channel_pause_seconds
        metrics.CHANNEL_USABLE.labels(channel.name).set(0)
        _log.error("channel_unusable", channel=channel.name, detail=detail, again_in=self._pace.channel_pause_seconds)

    async def _deliver(self, hand: _Hand, parcel: Parcel) -> None:
        channel = self._channels[parcel.route]
        outcome = await channel.send(parcel.address, parcel.markup, plain=parcel.progress.plain)
        if isinstance(outcome, Unusable):
            self._rest(hand, channel, outcome.detail)
        step = await self._record(parcel, outcome)
        if step is None:
            _log.warning("message_gone", message_id=str(parcel.message_id))
            return
        metrics.ATTEMPTS.labels(channel.name, step.code).inc()
        if step.status == "queued":
            return
        metrics.MESSAGES.labels(channel.name, step.status).inc()
        if step.status == "sent":
            waited = (datetime.now(UTC) - parcel.progress.due_since).total_seconds()
            metrics.DELAY.labels(channel.name).observe(max(0.0, waited))
        else:
            _log.warning(
                "message_not_sent",
                message_id=str(parcel.message_id),
                channel=channel.name,
                status=step.status,
                code=step.code,
                detail=step.detail,
            )

    async def _record(self, parcel: Parcel, outcome: Outcome) -> Step | None:
        """Tries several times: an answer that is not recorded makes the message uncertain."""
        jitter = random.uniform(1.0, 1.25)  # noqa: S311 -- spreads retries, no secret
        for pause in RECORD_PAUSES_SECONDS:
            try:
                return await self._deliveries.record(parcel, outcome, jitter)
            except INFRASTRUCTURE as error:
                _log.warning("answer_not_recorded", message_id=str(parcel.message_id), error=describe(error))
                await asyncio.sleep(pause)
        return await self._deliveries.record(parcel, outcome, jitter)

    async def _wait(self, hand: _Hand) -> None:
        """Until something is done, may start, or has become due; raises what a delivery raised."""
        openings = [channel.next_opening() for channel in self._channels.values()]
        seconds = max(0.01, min([self._pace.poll_seconds, *(each for each in openings if each is not None)]))
        if not hand.tasks:
            await asyncio.sleep(seconds)
            return
        done, hand.tasks = await asyncio.wait(hand.tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _finish(self, hand: _Hand) -> None:
        if not hand.tasks:
            return
        _, late = await asyncio.wait(hand.tasks, timeout=FINISH_SECONDS)
        for task in late:
            task.cancel()
        for result in await asyncio.gather(*hand.tasks, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("delivery_failed", exc_info=result)

    async def _observe(self, hand: _Hand) -> None:
        if time.monotonic() < hand.observe_at:
            return
        hand.observe_at = time.monotonic() + OBSERVE_SECONDS
        waiting, oldest_age_seconds = await self._deliveries.queue_state()
        metrics.QUEUED.set(waiting)
        metrics.OLDEST_AGE.set(oldest_age_seconds)
