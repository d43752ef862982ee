"""Bodies of the accuracy routes."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ArticleAccuracyResponse(BaseModel):
    """On the last 28 days, which neither the fit nor the choice of the models had seen. Fractions: 0.25 is 25 %."""

    model_config = ConfigDict(from_attributes=True)

    run_id: UUID
    sku: str
    warehouse: str
    actual: float = Field(description="Units sold on the scored days.")
    forecast: float = Field(description="Units forecast for them.")
    wape: float | None = Field(description="Sum of the days' absolute errors / units sold; null when nothing was sold.")
    wape_28: float | None = Field(description="Absolute error of the 28-day sum / units sold.")
    bias: float | None = Field(description="(forecast - actual) / actual.")
    rmsse: float | None
    naive_wape: float | None = Field(description="The same of seasonal naive (last week again).")
    naive_wape_28: float | None
    naive_rmsse: float | None
