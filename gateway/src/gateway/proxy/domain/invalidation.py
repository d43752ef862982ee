"""Which kept answers an event makes untrue. A tag names what answers are made of; each service has one of its own."""

from collections.abc import Mapping, Sequence

_CATALOGUE = ("products", "suppliers", "warehouses")
_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "data.stock.changed.v1": ("stock",),
    "data.purchase-order.created.v1": ("purchase-orders",),
    "data.purchase-order.approved.v1": ("purchase-orders",),
    "data.purchase-order.ordered.v1": ("purchase-orders",),
    "data.purchase-order.received.v1": ("purchase-orders", "stock"),
    "data.purchase-order.late.v1": ("purchase-orders",),
    "data.purchase-order.cancelled.v1": ("purchase-orders",),
    "forecast.run.completed.v1": ("forecasts",),
    "forecast.recommendations.published.v1": ("plans",),
}


def service_tag(service: str) -> str:
    """Every kept answer of the service has it."""
    return f"service.{service}"


def tags_of_answer(service: str, tags: Sequence[str]) -> tuple[str, ...]:
    return (service_tag(service), *tags)


def tags_of_write(service: str, tags: Sequence[str]) -> tuple[str, ...]:
    """A route that does not say what it changes may have changed anything of its service."""
    return tuple(tags) or (service_tag(service),)


def tags_of_event(event_type: str) -> tuple[str, ...]:
    """What is not listed may have changed anything of the service that told it."""
    return _BY_TYPE.get(event_type) or (service_tag(event_type.partition(".")[0]),)


def tags_of_catalogue(parts: Sequence[str]) -> tuple[str, ...]:
    """Parts of the catalogue that changed; one that is not known here counts as everything the service tells."""
    return tuple(parts) if set(parts) <= set(_CATALOGUE) else (service_tag("data"),)
