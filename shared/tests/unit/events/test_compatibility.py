from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, create_model

from shared.events.compatibility import breaking_changes, schema_of
from shared.events.envelope import Event, EventPart


class Line(EventPart):
    sku: str
    quantity: float


class OrderedV1(Event):
    event_type: ClassVar[str] = "data.thing.ordered.v1"

    number: str
    note: str | None = None
    total: Annotated[float, Field(ge=0)]
    lines: list[Line]
    first: Line | None = None
    by_name: dict[str, Line]


RECORDED = schema_of(OrderedV1)


def changed(**fields: Any) -> type[Event]:
    """OrderedV1 with fields added, replaced or (None) removed."""
    kept = {name: (field.annotation, field) for name, field in OrderedV1.model_fields.items() if name not in fields}
    replaced = {name: value for name, value in fields.items() if value is not None}
    made = create_model("ChangedV1", __base__=Event, **kept, **replaced)
    made.event_type = OrderedV1.event_type
    return made


def line(**fields: Any) -> type[EventPart]:
    return create_model("Line", __base__=EventPart, **({"sku": (str, ...), "quantity": (float, ...)} | fields))


def test_the_same_class_keeps_its_promise():
    assert breaking_changes(RECORDED, OrderedV1) == []


@pytest.mark.parametrize(
    "event_class",
    [
        changed(priority=(int | None, None)),
        changed(priority=(int, 3)),
        changed(tags=(list[str], Field(default_factory=list))),
        changed(number=(str, Field(description="Now explained."))),
        changed(lines=(list[line(unit=(str, "piece"))], ...)),
        changed(first=(line(unit=(str, "piece")) | None, None)),
    ],
    ids=[
        "null by default",
        "with a default",
        "with a default list",
        "a description",
        "in a list",
        "in an optional part",
    ],
)
def test_an_added_optional_field_passes(event_class):
    assert breaking_changes(RECORDED, event_class) == []


@pytest.mark.parametrize(
    ("event_class", "problem"),
    [
        (changed(number=None), "/number: removed or renamed"),
        (changed(number=None, order_number=(str, "")), "/number: removed or renamed"),
        (changed(order_number=(str, ...)), "/order_number: new and required; give it a default"),
        (changed(number=(int, ...)), "/number: type changed from string to integer"),
        (changed(total=(Annotated[float, Field(ge=1)], ...)), "/total: minimum changed from 0 to 1"),
        (changed(total=(float, ...)), "/total: minimum changed from 0 to None"),
        (changed(lines=(list[line(quantity=(str, ...))], ...)), "/lines/quantity: type changed from number to string"),
        (changed(lines=(list[line(unit=(str, ...))], ...)), "/lines/unit: new and required; give it a default"),
        (changed(first=(line(unit=(str, ...)) | None, None)), "/first/unit: new and required; give it a default"),
        (
            changed(by_name=(dict[str, line(unit=(str, ...))], ...)),
            "/by_name/unit: new and required; give it a default",
        ),
    ],
)
def test_a_removal_a_rename_a_new_demand_or_another_meaning_fails(event_class, problem):
    assert problem in breaking_changes(RECORDED, event_class)


def test_a_field_that_may_be_null_from_now_on_fails():
    assert breaking_changes(RECORDED, changed(number=(str | None, ...))) != []
