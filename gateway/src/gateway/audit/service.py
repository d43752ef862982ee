"""Use cases of the audit trail."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prometheus_client import Counter, Gauge

from gateway.audit import repository
from gateway.audit.adapters import ExportForm, read_export
from gateway.audit.domain.chain import DayEnd, Link, Seal, thumbprint
from gateway.audit.domain.entries import Actor, DenialQueue, Entry, Origin, Search, cleaned
from gateway.audit.domain.verification import ChainVerifier, Frame, Verification
from gateway.resources import SigningKeys
from shared.database.unit_of_work import Database, UnitOfWork
from shared.observability.logging import get_logger

_FLUSH_SECONDS = 1.0
_VERIFIED = "audit.verified"
_WHOLE = "days:.."
_log = get_logger(__name__)
_SUPPRESSED = Counter(
    "gateway_audit_suppressed_total", "Denied requests not written one by one because there were too many."
)
_BROKEN = Gauge("gateway_audit_broken", "1 when the audit trail was last found broken, else 0.")
_VERIFIED_AT = Gauge("gateway_audit_verified_timestamp_seconds", "When the whole audit trail was last verified.")
_SEALS = Counter("gateway_audit_seals_total", "Ends of the audit trail that were signed.")


class AuditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, work: UnitOfWork, entry: Entry) -> None:
        """In the transaction of what the entry tells about: both happen or neither.

        The last statement before the commit: until then nobody else can add an entry.
        """
        await repository.add_entries(work.session, [cleaned(entry)])

    async def record(self, *entries: Entry) -> None:
        """In a transaction of its own, for what changed nothing else."""
        async with self._database.unit_of_work() as work:
            await repository.add_entries(work.session, map(cleaned, entries))
            await work.commit()

    async def list_page(self, search: Search, *, before: tuple[date, int] | None, limit: int) -> list[Link]:
        async with self._database.unit_of_work() as work:
            return await repository.list_links(work.session, search, before=before, limit=limit)

    async def export(self, form: ExportForm, start: datetime, end: datetime) -> AsyncGenerator[str, None]:
        """Pieces of the file, as of one moment; entries of `start` (included) to `end` (not)."""
        count = 0
        async with self._database.unit_of_work() as work:
            await repository.begin_reading(work.session)
            frame = await repository.read_frame(work.session, start.date(), end.date())
            yield form.head(_whole_days(frame, start, end))
            async for links in repository.stream_links(work.session, start=start, end=end):
                count += len(links)
                yield await asyncio.to_thread(form.entries, links)
        yield form.tail(count)

    async def verify(
        self, first: date | None = None, last: date | None = None, *, actor: Actor | None = None, origin: Origin
    ) -> Verification:
        """The days from `first` to `last`, both included, or all. Keeps the result in the trail and in the metrics."""
        async with self._database.unit_of_work() as work:
            await repository.begin_reading(work.session)
            verifier = ChainVerifier(await repository.read_frame(work.session, first, last))
            links = repository.stream_links(
                work.session,
                start=_midnight(first) if first is not None else None,
                end=_midnight(last + timedelta(days=1)) if last is not None and last < date.max else None,
            )
            async for batch in links:
                await asyncio.to_thread(verifier.feed, batch)
                if verifier.broken is not None:
                    break
        result = verifier.finish()
        await self._keep(result, first, last, actor, origin)
        return result

    async def _keep(
        self, result: Verification, first: date | None, last: date | None, actor: Actor | None, origin: Origin
    ) -> None:
        found = result.first_broken
        if found is not None or (first is None and last is None):
            _BROKEN.set(0 if found is None else 1)
            _VERIFIED_AT.set_to_current_time()
        details: dict[str, Any] = {"days": result.days, "entries": result.entries, "seals": result.seals}
        if found is None:
            _log.info("audit_intact", **details)
        else:
            details |= {"day": str(found.day), "sequence": found.sequence, "reason": found.reason, "id": str(found.id)}
            _log.error("audit_chain_broken", **details)
        entry = Entry(_VERIFIED, found is None, origin, actor, f"days:{first or ''}..{last or ''}", details)
        try:
            await self.record(entry)
        except Exception:  # noqa: BLE001 -- a trail that takes no entry any more is what the caller has to be told
            _log.exception("audit_verification_not_recorded")

    async def verified_at(self) -> datetime | None:
        """When the whole trail was last verified, by whomever; this process's metrics follow what the trail says."""
        newest = await self.list_page(Search(action=_VERIFIED), before=None, limit=1)
        whole = await self.list_page(Search(action=_VERIFIED, target=_WHOLE), before=None, limit=1)
        if newest and (not newest[0].succeeded or newest[0].target == _WHOLE):
            _BROKEN.set(0 if newest[0].succeeded else 1)
        if not whole:
            return None
        _VERIFIED_AT.set(whole[0].occurred_at.timestamp())
        return whole[0].occurred_at


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _whole_days(frame: Frame, start: datetime, end: datetime) -> Frame:
    """Without the ends of days of which a part lies outside the period."""

    def is_whole(day: date) -> bool:
        return start <= _midnight(day) and (end >= _midnight(day) + timedelta(days=1) or end >= datetime.now(UTC))

    ends: Mapping[date, DayEnd] = {day: day_end for day, day_end in frame.ends.items() if is_whole(day)}
    seals: Sequence[Seal] = [seal for seal in frame.seals if seal.end.day in ends]
    return Frame(ends, seals, frame.keys, before=None, is_whole=False)


def verify_export(lines: Any) -> Verification:
    """An NDJSON export, without a database. Raises: UnreadableExportError."""
    export = read_export(lines)
    verifier = ChainVerifier(export.frame)
    verifier.feed(export.links())
    return verifier.finish()


class Sealer:
    """Signs how far each day has come: what was sealed cannot be taken away unnoticed, nor signed again by another."""

    def __init__(self, database: Database, keys: SigningKeys) -> None:
        self._database = database
        self._keys = keys

    async def seal(self) -> int:
        """Every day that has grown since its last seal. Returns how many there were."""
        key = self._keys.current[0]
        public_key = key.public_key().public_bytes_raw()
        key_id = thumbprint(public_key)
        made = []
        async with self._database.unit_of_work() as work:
            sealed = await repository.sealed_entries(work.session)
            for end in await repository.day_ends(work.session):
                if end.entries <= sealed.get(end.day, 0):
                    continue
                seal = Seal(end, key_id, key.sign(end.signed_bytes()))
                if await repository.add_seal(work.session, seal, public_key):
                    made.append(seal)
            await work.commit()
        for seal in made:
            _SEALS.inc()
            self._tell(seal)
        return len(made)

    def _tell(self, seal: Seal) -> None:
        """One line that leaves the machine with the log: what is sealed there cannot be changed here.

        A day sealed days later is a warning: nobody was there to seal it, or its first seal was taken away.
        """
        today = datetime.now(UTC).date()
        tell = _log.warning if seal.end.day < today - timedelta(days=1) else _log.info
        tell(
            "audit_day_sealed",
            day=seal.end.day.isoformat(),
            entries=seal.end.entries,
            last_hash=seal.end.last_hash.hex(),
            key_id=seal.key_id,
            signature=seal.signature.hex(),
            complete=seal.end.day < today,
        )

    async def seal_at_stop(self) -> None:
        """A store that is away must not keep the process from stopping; the next start seals the same entries."""
        try:
            await self.seal()
        except Exception:  # noqa: BLE001 -- see above
            _log.exception("audit_not_sealed_at_stop")


class DenialRecorder:
    """Writes denied requests in batches, off the request's path; a flood costs one insert a second."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit
        self._queue = DenialQueue()

    def put(self, entry: Entry) -> None:
        if not self._queue.put(entry):
            _SUPPRESSED.inc()

    async def run(self) -> None:
        """For ever; what waits at the end is written by `flush`."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        entries, suppressed = self._queue.drain()
        if not entries:
            return
        if suppressed:
            details = {"suppressed": suppressed}
            entries.append(Entry("requests.denied", False, Origin("", None), details=details))
        try:
            await self._audit.record(*entries)
        except Exception:  # noqa: BLE001 -- a store away must not end the recorder; the log keeps what was denied
            _log.exception("denials_not_recorded", entries=len(entries), suppressed=suppressed)
