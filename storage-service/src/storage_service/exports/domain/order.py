"""What is asked of an export, and what an export is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from storage_service.exports.domain.layout import CsvDialect, Language

ExportFormat = Literal["xlsx", "csv", "sheets"]
ENDINGS: dict[str, str] = {"xlsx": "xlsx", "csv": "csv"}


@dataclass(frozen=True)
class ExportOrder:
    """Without a plan the latest one is taken when the job starts; without a spreadsheet the registered one."""

    format: ExportFormat
    language: Language
    plan_id: UUID | None
    csv: CsvDialect
    spreadsheet: str | None = None


@dataclass(frozen=True)
class LimitedReader:
    """Somebody who may see a part of the company: the exports they made themselves, for that very `scope` (a claim)."""

    subject: str
    scope: dict[str, list[str]]


@dataclass(frozen=True)
class ExportRecord:
    id: UUID
    kind: str
    format: ExportFormat
    language: Language
    options: dict[str, Any]
    plan_id: UUID | None
    status: str
    progress: float
    attempts: int
    rows: int | None
    file_id: UUID | None
    file_name: str | None
    size_bytes: int | None
    sha256: str | None
    url: str | None
    problem: dict[str, Any] | None
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def csv(self) -> CsvDialect:
        return CsvDialect(**self.options["csv"])

    @property
    def scope(self) -> dict[str, list[str]]:
        """Whose rows it holds, as a claim; empty for all."""
        scope: dict[str, list[str]] = self.options.get("scope", {})
        return scope

    @property
    def spreadsheet(self) -> str | None:
        spreadsheet: str | None = self.options["spreadsheet"]
        return spreadsheet


def default_dialect(language: Language) -> CsvDialect:
    """What the spreadsheet programs of that language open without asking."""
    return CsvDialect(";", True, ",") if language == "ru" else CsvDialect(",", True, ".")


def file_name(plan_id: UUID, made_at: datetime, file_format: str) -> str:
    return f"plan-{made_at:%Y-%m-%d}-{str(plan_id)[-8:]}.{ENDINGS[file_format]}"
