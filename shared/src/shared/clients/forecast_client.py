"""forecast-service as its neighbours see it: plans and the recommendations in them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clients.http import GatewayClient
from shared.errors import UpstreamError

_PROVIDER = "forecast"
_PREFIX = "/api/v1/forecast"

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class BilingualText(_Tolerant):
    en: str = ""
    ru: str = ""


class Plan(_Tolerant):
    id: UUID
    created_at: datetime | None = None


class Recommendation(_Tolerant):
    """Quantities in stock units, money in `currency`, `service_level` and shares as fractions in [0, 1]."""

    sku: str
    name: str | None = None
    warehouse: str
    category: str | None = None
    supplier: str | None = None
    supplier_name: str | None = None
    status: str
    quantity: Decimal | None = None
    unit: str | None = None
    unit_cost: Decimal | None = None
    line_value: Decimal | None = None
    currency: str | None = None
    order_by: date | None = None
    runs_out_on: date | None = None
    days_of_cover: float | None = None
    on_hand: float | None = None
    on_order: float | None = None
    reserved: float | None = None
    expected_shortage_units: float | None = None
    expected_shortage_value: Decimal | None = None
    urgency_value: Decimal | None = None
    service_level: float | None = None
    reason: BilingualText = Field(default_factory=BilingualText)
    blocked: str | None = None


class RecommendationPage(_Tolerant):
    items: list[Recommendation]
    next_cursor: str | None = None


class ForecastClient:
    """Calls go through the gateway with this service's own credentials.

    `acting_for` is the identity token of the person on whose behalf a call is made (`Identity.token`).
    """

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def get_latest_plan(self, *, acting_for: str | None = None) -> Plan:
        return await self._read(Plan, f"{_PREFIX}/plans/latest", acting_for=acting_for)

    async def get_plan(self, plan_id: UUID, *, acting_for: str | None = None) -> Plan:
        return await self._read(Plan, f"{_PREFIX}/plans/{plan_id}", acting_for=acting_for)

    async def list_recommendations(
        self, plan_id: UUID, *, limit: int = 1000, cursor: str | None = None, acting_for: str | None = None
    ) -> RecommendationPage:
        """Most urgent first; `next_cursor` of a page is the `cursor` of the next one."""
        params: dict[str, Any] = {"plan_id": str(plan_id), "order": "urgency", "limit": limit}
        if cursor is not None:
            params["cursor"] = cursor
        return await self._read(RecommendationPage, f"{_PREFIX}/recommendations", params=params, acting_for=acting_for)

    async def _read(self, model: type[ModelT], path: str, **request: Any) -> ModelT:
        answer = await self._gateway.get_json(_PROVIDER, path, **request)
        try:
            return model.model_validate(answer)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = "/".join(str(part) for part in problem["loc"])
            raise UpstreamError(
                f"{_PROVIDER} answered {path} in a form not understood here ({where}: {problem['msg']})."
            ) from error
