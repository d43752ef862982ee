"""Bodies of the catalogue's routes. Numbers with a unit of money or stock travel as decimal strings."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from data_service.catalog.domain import NewProduct, Terms

Code = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)]
Units = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=3)]


class ProductResponse(BaseModel):
    """`supplier` and the purchase terms are those of the preferred supplier."""

    model_config = ConfigDict(from_attributes=True)

    sku: str
    name: str
    category: str | None
    unit: str
    price: Decimal | None
    life_cycle: Literal["active", "end_of_life"]
    is_declared: bool = Field(description="False when only sales, stock or orders mentioned the article so far.")
    supplier: str | None
    pack_size: Decimal | None
    moq: Decimal | None
    cost: Decimal | None
    currency: str | None
    lead_time_days: int | None
    created_at: datetime
    updated_at: datetime


class ProductRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Code
    name: Name | None = Field(None, description="Default: the code.")
    category: Name | None = None
    unit: Annotated[str, StringConstraints(min_length=1, max_length=20)] = "pcs"
    price: Amount | None = None
    life_cycle: Literal["active", "end_of_life"] = "active"
    supplier: Code | None = Field(None, description="Code of the preferred supplier; it must exist.")
    pack_size: Annotated[Units, Field(gt=0)] | None = None
    moq: Units | None = None
    cost: Amount | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    lead_time_days: Annotated[int, Field(ge=0, le=3650)] | None = None

    def to_domain(self) -> NewProduct:
        terms = Terms(self.supplier, self.pack_size, self.moq, self.cost, self.currency, self.lead_time_days)
        return NewProduct(self.sku, self.name or self.sku, self.category, self.unit, self.price, self.life_cycle, terms)


class SupplierResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    lead_time_days: int | None
    min_order_value: Decimal | None
    currency: str | None
    order_weekdays: list[int] = Field(description="ISO weekdays, Monday is 1; empty means any day.")
    is_declared: bool = Field(description="False when only other files mentioned the supplier so far.")
    created_at: datetime
    updated_at: datetime


class WarehouseResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    created_at: datetime
