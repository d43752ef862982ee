"""Why a line says what it says: the numbers it was made of, the steps, and their replay."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from forecast_service.recommendations.domain.quantity import PACK_NOISE, SMALLEST_LEVEL, service_score


@dataclass(frozen=True)
class LineInputs:
    """Everything the quantity depends on. Quantities in stock units, rates in units a day, times in days.

    `expected_demand` and `demand_quantile` are of the demand over `protection_days` together, the latter at
    `service_level`. `supplier_minimum` says what became of the supplier's minimum order value: none, met, raised,
    waits or unreachable; `added_for_minimum` are the units it added. `ends` is true for an article at its end of life.
    """

    sold_daily: float
    expected_daily: float
    days_to_order: int
    days_to_next_order: int
    lead_time_days: float
    lead_time_sd_days: float
    lead_time_source: str
    protection_days: int
    value_class: str
    service_level: float
    expected_demand: float
    demand_quantile: float
    on_hand: float
    on_order: float
    reserved: float
    minimum_quantity: float
    pack_size: float
    unit_cost: float | None
    currency: str
    minimum_order_value: float
    order_value_before: float
    supplier_minimum: str
    added_for_minimum: float
    ends: bool
    model: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LineInputs":
        """Later versions may know more inputs than an old line was stored with; missing ones are an error."""
        return cls(**{field.name: stored[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Step:
    """`value` is the number this step ends with; `facts` the numbers it used, for its sentence."""

    code: str
    value: float
    facts: dict[str, Any]


def explain(inputs: LineInputs) -> tuple[list[Step], float]:
    """The steps that apply, and the quantity they lead to.

    Written apart from the array arithmetic of the plan on purpose: each is the check of the other.
    """
    steps = [
        Step("rate", inputs.expected_daily, {"sold_daily": inputs.sold_daily, "model": inputs.model}),
        Step(
            "protection",
            inputs.protection_days,
            {"lead_time_days": inputs.lead_time_days, "wait_days": inputs.days_to_next_order},
        ),
        Step("expected_demand", inputs.expected_demand, {}),
    ]
    target = _target(inputs, steps)
    position = inputs.on_hand + inputs.on_order - inputs.reserved
    stock = {"on_hand": inputs.on_hand, "on_order": inputs.on_order, "reserved": inputs.reserved}
    steps.append(Step("position", position, stock))
    quantity = max(target - position, 0.0) if target >= SMALLEST_LEVEL else 0.0
    steps.append(Step("need", quantity, {}))
    if inputs.ends:
        quantity = 0.0
        steps.append(Step("end_of_life", quantity, {}))
    quantity = _constrained(inputs, quantity, steps)
    steps.append(Step("result", quantity, {}))
    return steps, quantity


def replay(inputs: LineInputs) -> float:
    return explain(inputs)[1]


def _target(inputs: LineInputs, steps: list[Step]) -> float:
    level = {"service_level": inputs.service_level, "value_class": inputs.value_class}
    steps.append(Step("service_level", inputs.demand_quantile, level))
    rate = inputs.expected_demand / inputs.protection_days if inputs.protection_days else 0.0
    safety = max(inputs.demand_quantile - inputs.expected_demand, 0.0)
    delay = max(service_score(inputs.service_level), 0.0) * rate * inputs.lead_time_sd_days
    target = max(inputs.demand_quantile, inputs.expected_demand + math.sqrt(safety**2 + delay**2))
    if target > inputs.demand_quantile:
        steps.append(Step("lead_time_variability", target, {"lead_time_sd_days": inputs.lead_time_sd_days}))
    if target < SMALLEST_LEVEL:
        steps.append(Step("less_than_a_unit", 0.0, {"target": target}))
    return target


def _constrained(inputs: LineInputs, need: float, steps: list[Step]) -> float:
    quantity = max(need, inputs.minimum_quantity) if need > PACK_NOISE else 0.0
    if quantity > need:
        steps.append(Step("minimum_quantity", quantity, {"minimum_quantity": inputs.minimum_quantity}))
    packed = math.ceil(quantity / inputs.pack_size - PACK_NOISE) * inputs.pack_size
    if packed != quantity:
        steps.append(Step("pack", packed, {"pack_size": inputs.pack_size}))
    facts = {
        "minimum_order_value": inputs.minimum_order_value,
        "order_value": inputs.order_value_before,
        "currency": inputs.currency,
    }
    if inputs.supplier_minimum == "raised" and inputs.added_for_minimum > 0:
        packed += inputs.added_for_minimum
        steps.append(Step("raised_to_minimum_value", packed, facts | {"added": inputs.added_for_minimum}))
    if inputs.supplier_minimum == "waits" and packed > 0:
        steps.append(Step("waits_for_minimum_value", 0.0, facts | {"held": packed}))
        packed = 0.0
    if inputs.supplier_minimum == "unreachable" and packed > 0:
        steps.append(Step("minimum_value_unreachable", packed, facts))
    return packed
