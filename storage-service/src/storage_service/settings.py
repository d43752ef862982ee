"""Settings of storage-service; environment variables with the prefix STORAGE_."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import ServiceSettings, settings_config

GIBIBYTE = 1 << 30


class Settings(ServiceSettings):
    model_config = settings_config("STORAGE_")

    files_directory: Path = Field(
        Path(".local/files"), description="Folder of the stored files; not used with files_url."
    )
    files_url: str | None = Field(
        None, description="`s3://bucket/prefix` (or gs://, az://) instead of a folder; credentials by AWS_… variables."
    )
    files_max_bytes: int = Field(GIBIBYTE, ge=1, description="Largest file taken; larger ones get 413.")
    work_directory: Path | None = Field(None, description="Folder for files in the making. Default: the system's.")

    export_on_plan: Literal["none", "xlsx", "csv", "sheets"] = Field(
        "none", description="Export every published plan in this format without being asked."
    )
    export_language: Literal["ru", "en"] = Field("en", description="Language of exports nobody asked for.")
    export_retention_days: float = Field(30, gt=0, description="Finished exports and their files are kept this long.")
    export_page_rows: int = Field(1000, ge=1, le=1000, description="Rows asked of forecast-service at once.")

    google_credentials_file: Path | None = Field(None, description="Key file (JSON) of a Google service account.")
    google_spreadsheet_key: str | None = Field(
        None,
        description="Spreadsheet the plan goes to: the long part of its address. It must be shared with the account.",
    )
    google_base_url: str | None = Field(None, description="Another address instead of Google's, for tests.")
    google_deadline_seconds: float = Field(
        300, gt=0, description="One call to Google, repeats included, takes no longer."
    )

    backups_directory: Path = Field(Path(".local/backups"), description="Folder of the encrypted backups.")
    backup_database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL of a role that may read every schema and create databases."
    )
    backup_key_file: Path | None = Field(
        None,
        description="File with the 32-byte encryption key (plain, base64 or hexadecimal), outside backups_directory.",
    )
    backup_schemas: tuple[str, ...] = Field(
        ("gateway", "data", "forecast", "notification", "monitoring", "storage"), description="Schemas in a backup."
    )
    backup_interval_hours: float = Field(24, ge=0, description="A backup starts this often; 0 = only when asked.")
    backups_kept: int = Field(14, ge=1, description="Newest backups kept; the newest verified one always stays.")
    pg_bin_directory: Path | None = Field(
        None, description="Folder with pg_dump and pg_restore, of the server's version or newer. Default: the path."
    )

    job_lease_seconds: float = Field(30, gt=0, description="A job whose worker died is taken over after this time.")
    job_poll_seconds: float = Field(1, gt=0, description="How often a worker looks for queued jobs.")
    maintenance_interval_seconds: float = Field(
        300, gt=0, description="How often expired files and exports are removed."
    )

    @model_validator(mode="after")
    def _sheets_need_credentials(self) -> Self:
        if self.export_on_plan == "sheets" and self.google_credentials_file is None:
            raise ValueError("STORAGE_EXPORT_ON_PLAN=sheets needs STORAGE_GOOGLE_CREDENTIALS_FILE to be set")
        return self
