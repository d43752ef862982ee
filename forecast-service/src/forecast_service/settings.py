"""Settings of forecast-service; environment variables with the prefix FORECAST_."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings, settings_config


class Settings(ServiceSettings):
    model_config = settings_config("FORECAST_")

    spool_directory: Path = Field(
        Path(".local/forecast"), description="Folder for what a run reads and writes while it works; emptied after it."
    )
    replan_after_import_seconds: float = Field(
        300, ge=0, description="A new run starts this long after the last import; each further import waits anew."
    )
    run_poll_seconds: float = Field(0.5, gt=0, description="How often a worker looks for queued runs.")
    run_lease_seconds: float = Field(20, gt=0, description="A run whose worker died is taken over after this time.")
    run_attempts: int = Field(3, ge=1, description="A run whose worker died this often is given up.")
    run_timeout_seconds: float = Field(7200, gt=0, description="A run computing longer than this is given up.")
    compute_threads: int = Field(2, ge=1, le=256, description="Threads of the process that computes a run.")
    boosting_rows: int = Field(
        200_000, ge=1000, description="Rows the gradient-boosting model learns from, whatever the catalogue's size."
    )
    boosting_trees: int = Field(250, ge=1, le=2000, description="Trees of that model.")
    smoothing_series: int = Field(
        5000, ge=0, description="Series that get exponential smoothing of their own (about 4 ms each), largest first."
    )
    keep_runs: int = Field(14, ge=1, description="Completed runs whose forecasts and plans are kept; older ones go.")

    service_level_a: float = Field(0.97, gt=0.5, lt=1, description="Cycle service level of A articles (80 % of value).")
    service_level_b: float = Field(0.95, gt=0.5, lt=1, description="Of B articles (the next 15 %).")
    service_level_c: float = Field(0.90, gt=0.5, lt=1, description="Of C articles (the rest).")
    review_days: int = Field(7, ge=1, le=91, description="Days between orders to suppliers without order weekdays.")
    assumed_lead_time_days: float = Field(14, ge=0, le=365, description="Lead time where none is known.")
    stale_stock_days: int = Field(
        3, ge=0, description="Lines whose stock and sales are further apart than this are not ordered automatically."
    )
    longest_cover_days: int = Field(
        365, ge=1, description="Most days of demand a line is raised to for a supplier's minimum order value."
    )
