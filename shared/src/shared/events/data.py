"""Events published by data-service."""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Event, EventPart
from shared.events.fields import BATCH_LIMIT, Code, Count, Currency, Money, Seconds, Units, UtcDatetime


class ImportCounts(EventPart):
    read: Count
    """Rows found in the input."""
    applied: Count
    """Rows that changed something stored."""
    unchanged: Count
    """Rows equal to what was stored already."""
    cleaned: Count
    """Rows taken away by a cleaning rule (exact duplicates), so that read is the sum of the other four."""
    quarantined: Count
    """Rows refused and kept for review."""


class ImportCompletedV1(Event):
    """An import or the reading of an external system ended and its good rows are stored."""

    event_type: ClassVar[str] = "data.import.completed.v1"

    import_id: UUID
    kind: Code
    """sales, products, suppliers, stock or purchase-orders; more may come."""
    origin: Code
    """`upload`, or the name of the external system that was read."""
    file_name: str | None = None
    """Name given by the uploader; null for an external system."""
    counts: ImportCounts
    period_start: date | None = None
    """First day touched by the rows; null for kinds without dates or when nothing was applied."""
    period_end: date | None = None
    """Last day touched, inclusive."""
    duration_seconds: Seconds


class ImportFailedV1(Event):
    """An import ended without applying anything."""

    event_type: ClassVar[str] = "data.import.failed.v1"

    import_id: UUID
    kind: Code
    """sales, products, suppliers, stock or purchase-orders; more may come."""
    origin: Code
    """`upload`, or the name of the external system that was read."""
    file_name: str | None = None
    """Name given by the uploader; null for an external system."""
    code: Code
    """Stable snake_case code of the problem."""
    detail: str
    """What is wrong, where, and what to do; readable by a person."""
    rows_read: Count = 0
    """Rows seen before the failure."""
    duration_seconds: Seconds


NAMED_ARTICLES_LIMIT = 500


class ProductChangedV1(Event):
    """The catalogue changed, by hand or by an import; one event for all of it."""

    event_type: ClassVar[str] = "data.product.changed.v1"

    parts: Annotated[list[Code], Field(min_length=1)]
    """What changed: products, suppliers, warehouses; more may come."""
    skus: Annotated[list[Code], Field(default_factory=list, max_length=NAMED_ARTICLES_LIMIT)]
    """Articles created or changed, supplier terms included; empty when none or too many to name."""
    every_article: bool = False
    """More than 500 articles changed: any of them may be another."""


class StockLevel(EventPart):
    sku: Code
    warehouse: Code
    on_hand: float
    """Units on the shelf after the change; negative when the source system says so."""
    reserved: Units = 0.0
    """Units promised to customers, part of `on_hand`."""


class StockChangedV1(Event):
    """Stock moved; batched, at most 1000 levels per event, each article and warehouse once."""

    event_type: ClassVar[str] = "data.stock.changed.v1"

    as_of: UtcDatetime
    """When the levels were true."""
    levels: Annotated[list[StockLevel], Field(min_length=1, max_length=BATCH_LIMIT)]


class PurchaseOrderLine(EventPart):
    sku: Code
    quantity: Annotated[float, Field(gt=0)]
    """Units meant by the event: ordered, received now, or still open."""
    unit_cost: Money
    plan_line_id: UUID | None = None
    """The recommendation this line came from."""


class PurchaseOrderEvent(Event):
    """What every purchase order event says about its order."""

    order_id: UUID
    number: Code
    """Number known to people."""
    supplier: Code
    """Supplier code."""
    warehouse: Code
    """Receiving warehouse."""
    currency: Currency
    value: Money
    """Sum of all lines as ordered."""
    line_count: Count
    """Lines of the whole order."""
    expected_on: date | None = None
    """Day the goods are expected; null while unknown."""


Lines = Annotated[list[PurchaseOrderLine], Field(max_length=BATCH_LIMIT)]


class PurchaseOrderCreatedV1(PurchaseOrderEvent):
    """A draft exists; it does not count as on order yet."""

    event_type: ClassVar[str] = "data.purchase-order.created.v1"

    created_by: str
    """Subject of the person or service that created the draft."""
    lines: Lines
    """The first 1000 lines; fetch the order when `line_count` is greater."""


class PurchaseOrderApprovedV1(PurchaseOrderEvent):
    """From here on the order counts as on order."""

    event_type: ClassVar[str] = "data.purchase-order.approved.v1"

    approved_by: str
    """Subject of the person or service that approved."""
    lines: Lines
    """The first 1000 lines; fetch the order when `line_count` is greater."""


class PurchaseOrderOrderedV1(PurchaseOrderEvent):
    """The order was placed with the supplier."""

    event_type: ClassVar[str] = "data.purchase-order.ordered.v1"

    ordered_by: str
    """Subject of the person or service that placed it."""


class PurchaseOrderReceivedV1(PurchaseOrderEvent):
    """Goods of the order arrived, all of them or a part."""

    event_type: ClassVar[str] = "data.purchase-order.received.v1"

    received_at: UtcDatetime
    complete: bool
    """True when nothing is open any more."""
    lines: Lines
    """Units received now, not in total; the first 1000 lines."""


class PurchaseOrderLateV1(PurchaseOrderEvent):
    """The expected day has passed and something is still open."""

    event_type: ClassVar[str] = "data.purchase-order.late.v1"

    days_late: Annotated[int, Field(ge=1)]
    """Calendar days since `expected_on`."""
    lines: Lines
    """Units still open; the first 1000 lines."""


class PurchaseOrderCancelledV1(PurchaseOrderEvent):
    """The order no longer counts as on order."""

    event_type: ClassVar[str] = "data.purchase-order.cancelled.v1"

    cancelled_by: str
    """Subject of the person or service that cancelled."""
    reason: str | None = None
