"""Bodies of the import routes."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from data_service.imports.domain.kinds import ImportKind
from data_service.imports.domain.records import ImportRecord, Status


class CountsResponse(BaseModel):
    """Rows of the file; `read` is the sum of the other four."""

    model_config = ConfigDict(from_attributes=True)

    read: int
    applied: int = Field(description="Rows that changed something stored.")
    unchanged: int = Field(description="Rows equal to what was stored already.")
    cleaned: int = Field(description="Rows taken away by a rule: exact duplicates, rows a later one replaces, blanks.")
    quarantined: int = Field(description="Rows refused and kept for review.")


class ProblemResponse(BaseModel):
    code: str
    title: str
    detail: str


class UnderstoodResponse(BaseModel):
    """How the file was read."""

    columns: dict[str, str] = Field(description="Our name of a column to the file's.")
    ignored_columns: list[str]
    delimiter: str
    decimal_separator: str
    date_order: str
    is_date_order_assumed: bool = Field(description="True when no date of the file told day from month.")


class ImportResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: ImportKind
    filename: str | None
    size_bytes: int
    sha256: str
    status: Status
    progress: float = Field(description="Fraction in [0, 1].")
    counts: CountsResponse
    rules: dict[str, int] = Field(description="Rows or values touched, by rule.")
    understood: UnderstoodResponse | None
    problem: ProblemResponse | None
    period_start: date | None
    period_end: date | None = Field(description="Last day touched, inclusive.")
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, record: ImportRecord) -> "ImportResponse":
        fields: dict[str, Any] = {**record.__dict__, "filename": record.file_name}
        return cls.model_validate(fields, from_attributes=True)


class QuarantinedRowResponse(BaseModel):
    line: int = Field(description="Line of the file, from 1.")
    column: str | None = Field(description="Our name of the column; null when the row as a whole is wrong.")
    value: str | None
    reason: str
    rule: str
    row: str = Field(description="The row as it came, its first 4096 bytes.")
