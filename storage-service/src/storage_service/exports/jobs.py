"""Makes the ordered exports: pulls the plan, has it rendered or published, stores the result and says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Histogram

from shared.clients.forecast_client import ForecastClient, Plan, Recommendation
from shared.clients.http import UpstreamProblemError
from shared.database.unit_of_work import Database, UnitOfWork
from shared.errors import UpstreamError
from shared.events.storage import ExportCompletedV1
from shared.web.identity import AccessScope
from storage_service.exports.adapters.renderer import render_file
from storage_service.exports.adapters.spool import RenderJob, Spool, spool_in
from storage_service.exports.domain.layout import Language
from storage_service.exports.domain.order import ExportRecord, file_name
from storage_service.exports.domain.plan import PlanHeader, PlanLine, PlanSummary, plan_layout, plan_row
from storage_service.exports.domain.sheet_tabs import plan_tab, summary_tab
from storage_service.exports.errors import PlanNotFoundError
from storage_service.exports.models import Export
from storage_service.exports.repository import ExportRepository
from storage_service.exports.service import create_export_service
from storage_service.files.service import FileService, create_file_service
from storage_service.leases.domain import Lease, LeasePolicy
from storage_service.leases.service import LeaseService
from storage_service.resources import Resources
from storage_service.sheets.service import SheetService, create_sheet_service

EXPORT_DURATION = Histogram(
    "storage_export_duration_seconds",
    "Time from the start of an export to its end.",
    ["format"],
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900),
)
EXPORT_ROWS = Counter("storage_export_rows_total", "Rows written by exports.", ["format"])

# Shares of the progress: pulling the rows, then writing them.
_PULLED = 0.5
_WRITTEN = 0.95


@dataclass(frozen=True)
class Pulled:
    plan: Plan
    job: RenderJob


@dataclass(frozen=True)
class ExportSettings:
    work_directory: Path | None
    page_rows: int
    retention: timedelta


class ExportProducer:
    """Handles leased export jobs."""

    def __init__(
        self,
        database: Database,
        leases: LeaseService[Export],
        forecast: ForecastClient,
        files: FileService,
        sheets: SheetService,
        settings: ExportSettings,
    ) -> None:
        self._database = database
        self._leases = leases
        self._forecast = forecast
        self._files = files
        self._sheets = sheets
        self._settings = settings

    async def run(self, lease: Lease) -> None:
        began = datetime.now(UTC)
        async with self._database.unit_of_work() as work:
            export = await ExportRepository(work.session).find(lease.job_id)
        assert export is not None  # noqa: S101 -- jobs are never deleted
        with spool_in(self._settings.work_directory, export.id) as spool:
            pulled = await self._pull(export, spool, lease)
            if export.format == "sheets":
                await self._publish(export, pulled, spool, lease, began)
            else:
                await self._write(export, pulled, spool, lease, began)
        EXPORT_ROWS.labels(export.format).inc(pulled.job.rows)
        EXPORT_DURATION.labels(export.format).observe((datetime.now(UTC) - began).total_seconds())

    async def on_failed(self, work: UnitOfWork, job_id: UUID, problem: dict[str, Any]) -> None:
        """Whoever ordered the export reads the problem in the job; there is no event for it."""

    async def _pull(self, export: ExportRecord, spool: Spool, lease: Lease) -> Pulled:
        plan = await self._plan(export.plan_id)
        layout = plan_layout(export.language)
        scope = AccessScope.from_claim(export.scope)
        summary = PlanSummary()
        pages = 0
        async for page in self._pages(plan.id):
            own = [item for item in page if _allows(scope, item)]
            await asyncio.to_thread(_keep, own, export.language, summary, spool)
            pages += 1
            lease.report(_PULLED * (1 - 1 / (1 + pages / 10)))  # the number of pages is not known
        header = PlanHeader(str(plan.id), plan.created_at, datetime.now(UTC))
        job = RenderJob(layout, summary.blocks(header, export.language), export.csv, summary.lines)
        await asyncio.to_thread(spool.write_job, job)
        lease.report(_PULLED)
        return Pulled(plan, job)

    async def _plan(self, plan_id: UUID | None) -> Plan:
        try:
            if plan_id is None:
                return await self._forecast.get_latest_plan()
            return await self._forecast.get_plan(plan_id)
        except UpstreamProblemError as error:
            if error.upstream_status != 404:
                raise
            missing = (
                "There is no plan yet. Run a forecast first." if plan_id is None else f"There is no plan {plan_id}."
            )
            raise PlanNotFoundError(missing) from error

    async def _pages(self, plan_id: UUID) -> AsyncIterator[Sequence[Recommendation]]:
        cursor = None
        while True:
            page = await self._forecast.list_recommendations(plan_id, limit=self._settings.page_rows, cursor=cursor)
            yield page.items
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise UpstreamError("forecast gave the same page cursor twice; the export would never end.")
            cursor = page.next_cursor

    async def _write(self, export: ExportRecord, pulled: Pulled, spool: Spool, lease: Lease, began: datetime) -> None:
        rows = max(1, pulled.job.rows)
        await render_file(spool, export.format, lambda done: lease.report(_PULLED + (_WRITTEN - _PULLED) * done / rows))
        content = await self._files.prepare(spool.output_path)
        name = file_name(pulled.plan.id, pulled.plan.created_at or began, export.format)
        now = datetime.now(UTC)
        expires_at = now + self._settings.retention
        async with self._database.unit_of_work() as work:
            await self._leases.complete(work, lease)
            file_id = await self._files.keep(work, content, name, export.requested_by, expires_at)
            await ExportRepository(work.session).set(
                export.id,
                plan_id=pulled.plan.id,
                rows=pulled.job.rows,
                file_id=file_id,
                file_name=name,
                size_bytes=content.size_bytes,
                sha256=content.sha256,
                expires_at=expires_at,
            )
            event = ExportCompletedV1(
                **_facts(export, pulled, began, now),
                file_name=name,
                size_bytes=content.size_bytes,
                sha256=content.sha256,
            )
            await work.publish(event, subject=str(export.id))
            await work.commit()

    async def _publish(self, export: ExportRecord, pulled: Pulled, spool: Spool, lease: Lease, began: datetime) -> None:
        key = await self._sheets.resolve(export.spreadsheet)
        rows = max(1, pulled.job.rows)
        job = pulled.job
        tabs = [plan_tab(job.layout, spool.read_rows(), job.rows), summary_tab(job.layout, job.blocks)]
        published = await self._sheets.publish(
            key, tabs, lambda done: lease.report(min(_WRITTEN, _PULLED + (_WRITTEN - _PULLED) * done / rows))
        )
        now = datetime.now(UTC)
        async with self._database.unit_of_work() as work:
            await self._leases.complete(work, lease)
            await ExportRepository(work.session).set(
                export.id, plan_id=pulled.plan.id, rows=job.rows, url=published.url
            )
            event = ExportCompletedV1(**_facts(export, pulled, began, now), url=published.url)
            await work.publish(event, subject=str(export.id))
            await work.commit()


def _allows(scope: AccessScope, item: Recommendation) -> bool:
    return scope.allows(category=item.category, supplier=item.supplier, warehouse=item.warehouse)


def _keep(page: Sequence[Recommendation], language: Language, summary: PlanSummary, spool: Spool) -> None:
    lines = [_line(item, language) for item in page]
    for line in lines:
        summary.add(line)
    spool.append_rows([plan_row(line, language) for line in lines])


def _facts(export: ExportRecord, pulled: Pulled, began: datetime, ended: datetime) -> dict[str, Any]:
    return {
        "export_id": export.id,
        "kind": export.kind,
        "format": export.format,
        "plan_id": pulled.plan.id,
        "rows": pulled.job.rows,
        "requested_by": export.requested_by,
        "duration_seconds": (ended - began).total_seconds(),
    }


def _line(item: Recommendation, language: Language) -> PlanLine:
    return PlanLine(
        sku=item.sku,
        name=item.name or "",
        supplier=item.supplier_name or item.supplier or "",
        warehouse=item.warehouse,
        status=item.status,
        quantity=item.quantity,
        unit=item.unit,
        unit_cost=item.unit_cost,
        line_value=item.line_value,
        currency=item.currency,
        order_by=item.order_by,
        runs_out_on=item.runs_out_on,
        days_of_cover=item.days_of_cover,
        on_hand=item.on_hand,
        on_order=item.on_order,
        reserved=item.reserved,
        expected_shortage_units=item.expected_shortage_units,
        expected_shortage_value=item.expected_shortage_value,
        urgency_value=item.urgency_value,
        service_level=item.service_level,
        reason=item.reason.ru if language == "ru" else item.reason.en,
        blocked=item.blocked,
    )


class ExportJobs:
    """The background tasks of exports."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        policy = LeasePolicy(seconds=settings.job_lease_seconds, poll_seconds=settings.job_poll_seconds)
        self._leases = LeaseService(resources.database, Export, policy)
        self._producer = ExportProducer(
            resources.database,
            self._leases,
            ForecastClient(resources.gateway),
            create_file_service(resources),
            create_sheet_service(resources),
            ExportSettings(
                settings.work_directory,
                settings.export_page_rows,
                timedelta(days=settings.export_retention_days),
            ),
        )
        self._exports = create_export_service(resources)

    async def run(self) -> None:
        await self._leases.run_for_ever(self._producer)

    async def run_next(self) -> bool:
        """One job, or False when none waits."""
        return await self._leases.run_next(self._producer)

    async def expire(self) -> None:
        await self._exports.expire()
