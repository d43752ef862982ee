"""Bodies of the sales routes."""

from datetime import date

from pydantic import BaseModel, Field


class SaleResponse(BaseModel):
    sku: str
    warehouse: str
    date: date
    quantity: float = Field(description="Units sold that day, returns netted.")
    price: float | None = Field(description="Average price per unit.")
