"""The worker of imports: takes one at a time, keeps its lease, survives whatever a file or the database does."""

import asyncio
from contextlib import suppress
from time import monotonic

from prometheus_client import Counter, Histogram

from data_service.catalog.domain import UnknownCodes
from data_service.imports.adapters.intakes import IntakePolicy
from data_service.imports.adapters.spool import Spool
from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError
from data_service.imports.domain.records import Claim, ImportCounts
from data_service.imports.errors import LeaseLostError
from data_service.imports.service import ImportPolicy, ImportQueue, ImportRun
from data_service.resources import Resources
from shared.observability.logging import get_logger

IMPORTED_ROWS = Counter("data_imported_rows_total", "Rows of imported files by kind and fate.", ["kind", "fate"])
IMPORT_DURATION = Histogram(
    "data_import_duration_seconds",
    "Time an import took from claim to commit or refusal.",
    ["kind", "outcome"],
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
_RENEWALS_PER_LEASE = 4
_PAUSE_AFTER_FAILURE_SECONDS = 5.0
_SWEEP_OLDER_THAN_SECONDS = 3600.0
_FAILED = "Import failed"
_log = get_logger(__name__)


class ImportWorker:
    def __init__(self, queue: ImportQueue, *, lease_seconds: float, poll_seconds: float, attempts: int) -> None:
        self._queue = queue
        self._renew_seconds = lease_seconds / _RENEWALS_PER_LEASE
        self._poll_seconds = poll_seconds
        self._attempts = attempts

    async def run(self) -> None:
        """Until cancelled; an import in hand is then given back."""
        while True:
            try:
                claim = await self._queue.claim()
                if claim is None:
                    await asyncio.sleep(self._poll_seconds)
                    continue
                await self._process(claim)
            except Exception:  # noqa: BLE001 -- the loop outlives a lost database; the log has the trace
                _log.exception("import_worker_failed")
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)

    async def run_once(self) -> bool:
        """Processes one import if one waits."""
        claim = await self._queue.claim()
        if claim is not None:
            await self._process(claim)
        return claim is not None

    async def sweep(self) -> None:
        removed = await self._queue.sweep(_SWEEP_OLDER_THAN_SECONDS)
        if removed:
            _log.warning("orphaned_uploads_removed", files=removed)

    async def _process(self, claim: Claim) -> None:
        began = monotonic()
        run = self._queue.open_run(claim)
        _log.info("import_started", import_id=str(claim.id), kind=claim.kind, attempt=claim.attempts)
        try:
            counts = await self._run(claim, run)
        except UnreadableFileError as problem:
            await self._refuse(claim, run, problem, monotonic() - began)
        except LeaseLostError:
            _log.warning("import_lease_lost", import_id=str(claim.id))
        except asyncio.CancelledError:
            with suppress(LeaseLostError):
                await asyncio.shield(self._queue.give_back(claim))
            raise
        except Exception:  # noqa: BLE001 -- logged; the file is tried again, and given up at last
            _log.exception("import_attempt_failed", import_id=str(claim.id), attempt=claim.attempts)
            if claim.attempts >= self._attempts:
                await self._refuse(claim, run, _unexpected(), monotonic() - began)
            else:
                await asyncio.sleep(self._poll_seconds)
        else:
            await self._queue.discard_upload(claim)
            self._note(claim, counts, monotonic() - began)

    async def _run(self, claim: Claim, run: ImportRun) -> ImportCounts:
        if claim.attempts > self._attempts:
            raise _interrupted(claim)
        renewing = asyncio.create_task(self._keep_renewing(claim, run))

        async def stop_renewing() -> None:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

        try:
            return await run.run(before_commit=stop_renewing)
        finally:
            await stop_renewing()

    async def _keep_renewing(self, claim: Claim, run: ImportRun) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            try:
                await self._queue.renew(claim, run.progress)
            except LeaseLostError:
                return  # the commit will find it out
            except Exception:  # noqa: BLE001 -- a missed renewal is made up for by the next one
                _log.exception("import_lease_not_renewed", import_id=str(claim.id))

    async def _refuse(self, claim: Claim, run: ImportRun, problem: UnreadableFileError, seconds: float) -> None:
        with suppress(LeaseLostError):
            await self._queue.fail(claim, problem, run.rows_read, seconds)
        IMPORT_DURATION.labels(claim.kind, "failed").observe(seconds)
        _log.warning("import_failed", import_id=str(claim.id), kind=claim.kind, code=problem.code)

    def _note(self, claim: Claim, counts: ImportCounts, seconds: float) -> None:
        for fate in ("applied", "unchanged", "cleaned", "quarantined"):
            IMPORTED_ROWS.labels(claim.kind, fate).inc(getattr(counts, fate))
        IMPORT_DURATION.labels(claim.kind, "completed").observe(seconds)
        _log.info(
            "import_completed", import_id=str(claim.id), kind=claim.kind, seconds=round(seconds, 2), rows=counts.read
        )


def _interrupted(claim: Claim) -> UnreadableFileError:
    return UnreadableFileError(
        "import_interrupted",
        "Import interrupted",
        f"The worker died {claim.attempts - 1} times while it worked on this file. Nothing of the file was applied. "
        "Send it again; if it happens again, split the file and look at the worker's memory.",
    )


def _unexpected() -> UnreadableFileError:
    return UnreadableFileError(
        "import_failed",
        _FAILED,
        "Something failed on our side, several times. Nothing of the file was applied. "
        "Send it again later; if it stays, report the import's id.",
    )


def create_import_worker(resources: Resources) -> ImportWorker:
    settings = resources.settings
    policy = ImportPolicy(
        limits=ReadLimits(
            block_bytes=settings.import_block_bytes, max_unpacked_bytes=settings.import_max_unpacked_bytes
        ),
        intake=IntakePolicy(
            UnknownCodes(settings.unknown_articles), settings.default_warehouse, settings.default_currency
        ),
        lease_seconds=settings.import_lease_seconds,
        statement_seconds=settings.import_timeout_seconds,
        work_memory_mebibytes=settings.import_work_memory_mebibytes,
    )
    queue = ImportQueue(resources.database, Spool(settings.spool_directory, settings.import_max_bytes), policy)
    return ImportWorker(
        queue,
        lease_seconds=settings.import_lease_seconds,
        poll_seconds=settings.import_poll_seconds,
        attempts=settings.import_attempts,
    )
