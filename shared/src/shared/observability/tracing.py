"""OpenTelemetry spans around requests, outgoing calls and consumed events; off unless a collector is configured."""

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.observability import context
from shared.observability.logging import get_logger
from shared.observability.trace_context import child_of

_log = get_logger(__name__)
_propagator = TraceContextTextMapPropagator()


def configure_tracing(service: str, otlp_endpoint: str | None) -> None:
    """Exports spans over OTLP/HTTP when an endpoint is set and the SDK (extra `tracing`) is installed."""
    if otlp_endpoint is None:
        return
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        _log.warning("tracing_unavailable", reason="the extra procurement-shared[tracing] is not installed")
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{otlp_endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)


@contextmanager
def traced(
    name: str, kind: SpanKind, parent: str | None, attributes: Mapping[str, str | int] | None = None
) -> Iterator[None]:
    """Continues the trace of `parent` (a `traceparent`, possibly absent or malformed) for the duration of the block.

    With a collector the block is a span and its id travels on; without one only the identifiers do.
    """
    started = trace.get_tracer("procurement").start_span(
        name, context=_propagator.extract({"traceparent": parent} if parent else {}), kind=kind, attributes=attributes
    )
    with trace.use_span(started, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        carrier: dict[str, str] = {}
        if started.is_recording():
            _propagator.inject(carrier)
        token = context.traceparent.set(carrier.get("traceparent") or child_of(parent))
        try:
            yield
        except BaseException as error:
            started.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            context.traceparent.reset(token)


def outgoing_traceparent() -> str:
    """For the header of a call or the envelope of an event made now."""
    return child_of(context.traceparent.get())
