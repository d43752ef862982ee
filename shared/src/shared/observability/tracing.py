"""OpenTelemetry spans; without an exporter configured every call here is a no-op of the API package."""

import importlib.util

from opentelemetry import trace

from shared.observability.logging import get_logger

_log = get_logger(__name__)


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


def tracer() -> trace.Tracer:
    return trace.get_tracer("procurement")
