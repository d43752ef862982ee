"""Settings of data-service; environment variables with the prefix DATA_."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings import ServiceSettings, settings_config

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


class Settings(ServiceSettings):
    model_config = settings_config("DATA_")

    spool_directory: Path = Field(
        Path(".local/spool"),
        description="Folder where uploads wait for their import; shared by the HTTP process and the worker.",
    )
    import_max_bytes: int = Field(512 * MEBIBYTE, ge=1, description="Largest upload taken; larger ones get 413.")
    import_max_unpacked_bytes: int = Field(
        8 * GIBIBYTE, ge=1, description="A gzip file unpacking to more than this is refused."
    )
    import_block_bytes: int = Field(
        2 * MEBIBYTE, ge=64 << 10, description="Text taken apart at once; bounds the memory of an import."
    )
    import_lease_seconds: float = Field(
        20, gt=0, description="An import whose worker died is taken over after this time."
    )
    import_poll_seconds: float = Field(0.5, gt=0, description="How often a worker looks for queued imports.")
    import_attempts: int = Field(3, ge=1, description="An import whose worker died this often is given up.")
    import_timeout_seconds: float = Field(
        3600, gt=0, description="One statement of an import running longer is cancelled."
    )
    import_work_memory_mebibytes: int = Field(
        128, ge=4, description="Memory PostgreSQL may use for sorting the rows of one import before it goes to disk."
    )
    unknown_articles: Literal["auto", "create", "quarantine"] = Field(
        "auto",
        description="Rows of unknown articles, suppliers: create them, quarantine the rows, or (auto) create as long "
        "as no catalogue was loaded and quarantine from then on.",
    )

    default_warehouse: str = Field(
        "MAIN", min_length=1, max_length=100, description="Warehouse of rows that name none."
    )
    default_currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency where nothing else says one.")
    buyer_approval_limit: Decimal = Field(
        Decimal(5000), ge=0, description="Buyers may approve purchase orders up to this value, in the order's currency."
    )
