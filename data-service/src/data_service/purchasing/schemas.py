"""Bodies of the purchase order routes. Money and quantities travel as decimal strings."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from data_service.purchasing.domain import Draft, DraftLine, ReceivedLine, Status

Code = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]
Units = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=3)]
Money = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)]
MAX_LINES = 5000


class PurchaseOrderLineRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Code
    quantity: Units
    unit_cost: Money | None = Field(None, description="Default: the cost in the supplier's terms.")
    plan_line_id: UUID | None = Field(
        None, description="The recommendation this line comes from; one order at most may hold it."
    )


class PurchaseOrderRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    supplier: Code
    warehouse: Code | None = Field(None, description="Default: the default warehouse.")
    expected_on: date | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = Field(
        None, description="Default: the supplier's currency."
    )
    lines: Annotated[list[PurchaseOrderLineRequest], Field(min_length=1, max_length=MAX_LINES)]

    def to_domain(self) -> Draft:
        lines = tuple(DraftLine(line.sku, line.quantity, line.unit_cost, line.plan_line_id) for line in self.lines)
        return Draft(self.supplier, self.warehouse, self.expected_on, self.currency, lines)


class ReceivedLineRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Code
    quantity: Units = Field(description="Units arriving now, not in total.")


class ReceiptRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lines: Annotated[list[ReceivedLineRequest], Field(min_length=1, max_length=MAX_LINES)]

    def to_domain(self) -> list[ReceivedLine]:
        """Two lines of one article are one receipt."""
        totals: dict[str, Decimal] = {}
        for line in self.lines:
            totals[line.sku] = totals.get(line.sku, Decimal(0)) + line.quantity
        return [ReceivedLine(sku, quantity) for sku, quantity in totals.items()]


class CancellationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] | None = None


class PurchaseOrderLineResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sku: str
    name: str
    quantity: Decimal
    unit_cost: Decimal
    received_quantity: Decimal
    open_quantity: Decimal
    expected_on: date | None
    received_on: date | None
    plan_line_id: UUID | None


class PurchaseOrderSummary(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: str
    status: Status = Field(description="What is open of approved, ordered and partly_received counts as on order.")
    supplier: str
    warehouse: str
    currency: str
    value: Decimal = Field(description="Sum of all lines as ordered, in `currency`.")
    line_count: int
    ordered_on: date | None
    expected_on: date | None
    created_by: str
    approved_by: str | None
    cancelled_by: str | None
    cancellation_reason: str | None
    created_at: datetime
    updated_at: datetime


class PurchaseOrderResponse(PurchaseOrderSummary):
    lines: list[PurchaseOrderLineResponse]
