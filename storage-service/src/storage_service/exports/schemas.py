"""Bodies of the export routes."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from storage_service.exports.domain.layout import CsvDialect
from storage_service.exports.domain.order import ExportOrder, ExportRecord, default_dialect


class CsvOptions(BaseModel):
    """What is left out follows the language: `;` and decimal comma in Russian, `,` and point in English."""

    model_config = ConfigDict(extra="forbid")

    delimiter: Literal[",", ";", "\t"] | None = None
    byte_order_mark: bool = Field(True, description="Lets spreadsheet programs recognise UTF-8.")
    decimal_separator: Literal[".", ","] | None = None


class ExportRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["plan"] = "plan"
    format: Literal["xlsx", "csv", "sheets"]
    plan_id: UUID | None = Field(None, description="Default: the latest plan when the export starts.")
    language: Literal["ru", "en"] = "en"
    csv: CsvOptions | None = Field(None, description="Only for the format csv.")
    spreadsheet: str | None = Field(
        None, min_length=1, max_length=100, description="Only for the format sheets: name of a registered spreadsheet."
    )

    @field_validator("csv", "spreadsheet")
    @classmethod
    def _belongs_to_the_format(cls, value: Any, info: ValidationInfo) -> Any:
        file_format = info.data.get("format")
        wanted = "csv" if info.field_name == "csv" else "sheets"
        if value is not None and file_format is not None and file_format != wanted:
            raise ValueError(f"only for the format {wanted}, not for {file_format}")
        return value

    def to_order(self) -> ExportOrder:
        dialect = default_dialect(self.language)
        if self.csv is not None:
            dialect = CsvDialect(
                delimiter=self.csv.delimiter or dialect.delimiter,
                byte_order_mark=self.csv.byte_order_mark,
                decimal_separator=self.csv.decimal_separator or dialect.decimal_separator,
            )
        return ExportOrder(self.format, self.language, self.plan_id, dialect, self.spreadsheet)


class JobProblem(BaseModel):
    """Why the job failed, or what it is being tried again for."""

    status: int
    code: str
    title: str
    detail: str


class ExportBody(BaseModel):
    id: UUID
    kind: Literal["plan"]
    format: Literal["xlsx", "csv", "sheets"]
    language: Literal["ru", "en"]
    plan_id: UUID | None
    status: Literal["queued", "running", "completed", "failed", "expired"]
    progress: float = Field(ge=0, le=1)
    attempts: int
    rows: int | None
    file_id: UUID | None
    file_name: str | None
    size_bytes: int | None
    sha256: str | None
    url: str | None = Field(description="Address of the sheet; null for files.")
    problem: JobProblem | None
    requested_by: str | None = Field(description="Null for an export the platform made by itself.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, record: ExportRecord) -> Self:
        fields: dict[str, Any] = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_validate(fields)
