"""Bodies of the stock routes."""

from datetime import date, datetime

from pydantic import BaseModel, Field


class StockLevelResponse(BaseModel):
    sku: str
    warehouse: str
    on_hand: float = Field(description="Units on the shelf; negative when the source system says so.")
    reserved: float = Field(description="Units promised to customers, part of on_hand.")
    counted_on: date = Field(description="Day of the last count; receipts since then are included.")
    updated_at: datetime
