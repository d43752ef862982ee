from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.observability import context
from shared.observability.trace_context import new_traceparent, trace_id
from shared.observability.tracing import configure_tracing, outgoing_traceparent, traced


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def test_without_a_collector_the_trace_still_continues() -> None:
    configure_tracing("data", None)
    parent = new_traceparent()
    with traced("work", SpanKind.SERVER, parent):
        assert trace_id(context.traceparent.get()) == trace_id(parent)
        assert trace_id(outgoing_traceparent()) == trace_id(parent)
        assert outgoing_traceparent() != parent


def test_with_a_collector_the_span_is_the_parent_of_what_follows(spans: InMemorySpanExporter) -> None:
    parent = new_traceparent()
    with traced("GET /x", SpanKind.SERVER, parent):
        inside = context.traceparent.get()
        with traced("inner", SpanKind.CLIENT, inside):
            pass
    inner, outer = spans.get_finished_spans()
    assert f"{outer.context.trace_id:032x}" == trace_id(parent)
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_failure_marks_the_span_and_is_not_swallowed(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ZeroDivisionError), traced("work", SpanKind.CONSUMER, "malformed"):
        raise ZeroDivisionError
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert span.status.description == "ZeroDivisionError"
