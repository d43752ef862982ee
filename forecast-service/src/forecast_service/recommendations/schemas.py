"""Bodies of the recommendation routes."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from forecast_service.recommendations.domain.explanation import LineInputs, replay
from forecast_service.recommendations.domain.summary import PlanOverview
from forecast_service.recommendations.domain.texts import label

Status = Literal["proposed", "waits", "not_needed", "drafted", "approved", "rejected"]
MAX_LINES = 10_000


class Texts(BaseModel):
    en: str
    ru: str


class PlanResponse(BaseModel):
    """The figures are those of the lines the caller may see."""

    id: UUID
    run_id: UUID
    planned_on: date = Field(description="The first day planned for: the day after the last known sales.")
    lines: int = Field(description="Articles and warehouses looked at.")
    proposed: int = Field(description="Lines to order.")
    blocked: int = Field(description="Lines that need an order, but whose data somebody has to look at first.")
    waiting: int = Field(description="Lines held back until the supplier's minimum order value is reached.")
    at_risk: int = Field(description="Articles that run out before an order could arrive.")
    values: dict[str, float] = Field(description="Value of the lines to order, by currency.")
    policy: dict[str, Any] = Field(description="What the plan aimed at.")
    created_at: datetime

    @classmethod
    def of(cls, plan: PlanOverview) -> Self:
        facts: dict[str, Any] = {**vars(plan), **vars(plan.figures)}
        return cls(**{name: facts[name] for name in cls.model_fields})


class RecommendationResponse(BaseModel):
    """Quantities in `unit`, money in `currency`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    plan_id: UUID
    sku: str
    name: str
    category: str
    warehouse: str
    supplier: str
    supplier_name: str
    quantity: float
    unit: str
    unit_cost: float | None
    currency: str
    line_value: float | None
    status: Status
    order_by: date | None = Field(description="Last day to order so that nothing runs out at the service level.")
    arrives_on: date = Field(description="Arrival of an order placed on the next possible day.")
    runs_out_on: date | None = Field(description="Null when that is over a year away.")
    days_of_cover: float | None = Field(description="Days the stock on hand lasts; null without demand.")
    expected_shortage_units: float = Field(description="Lost before `arrives_on`, whatever is ordered.")
    expected_shortage_value: float
    urgency_value: float = Field(description="Sales lost if nothing is ordered: what the list is ranked by.")
    on_hand: float
    on_order: float
    reserved: float
    service_level: float = Field(description="Probability in (0, 1) that nothing runs out.")
    reason: Texts
    blocked: str | None = Field(description="Why the line must not be ordered before somebody has looked.")
    purchase_order_id: UUID | None
    purchase_order_number: str | None
    rejection_reason: str | None

    @model_validator(mode="before")
    @classmethod
    def _with_reason(cls, row: Any) -> Any:
        if isinstance(row, dict):
            return row
        values = {name: getattr(row, name) for name in cls.model_fields if name != "reason"}
        return {**values, "reason": {"en": row.reason_en, "ru": row.reason_ru}}


class ExplanationStep(BaseModel):
    code: str
    label: Texts
    value: float
    facts: dict[str, Any] = Field(description="Numbers this step used.")


class ExplanationResponse(BaseModel):
    recommendation_id: UUID
    inputs: dict[str, Any]
    steps: list[ExplanationStep]
    result: float
    replayed_quantity: float = Field(description="The quantity, worked out again from `inputs` just now.")
    text: Texts

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            recommendation_id=row.id,
            inputs=row.inputs,
            steps=[ExplanationStep(**step, label=Texts(**label(step["code"]))) for step in row.steps],
            result=row.quantity,
            replayed_quantity=replay(LineInputs.from_json(row.inputs)),
            text=Texts(en=row.reason_en, ru=row.reason_ru),
        )


Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]


class ApprovalRequest(BaseModel):
    """Either lines by id, or everything a plan proposes for one supplier."""

    model_config = ConfigDict(extra="forbid")

    recommendation_ids: Annotated[list[UUID], Field(max_length=MAX_LINES)] | None = None
    plan_id: UUID | None = None
    supplier: Code | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_supplier = self.plan_id is not None and self.supplier is not None
        if bool(self.recommendation_ids) == by_supplier or (self.plan_id is None) != (self.supplier is None):
            raise ValueError("name either recommendation_ids, or plan_id together with supplier")
        return self


class PurchaseOrderSummary(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: str
    supplier: str
    warehouse: str
    currency: str
    lines: int
    value: float


class SkippedLine(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reason: str


class ApprovalResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    purchase_orders: list[PurchaseOrderSummary]
    approved: list[UUID]
    skipped: list[SkippedLine] = Field(description="Lines that were not ordered, and why; the others were.")


class RejectionRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$")
    ]
