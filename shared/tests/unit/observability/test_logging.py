import json
import logging

import pytest

from shared.observability import context
from shared.observability.logging import configure_logging, get_logger, mask
from shared.observability.trace_context import child_of, is_traceparent, new_traceparent, trace_id


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://me:s3cr3t@db/x", "s3cr3t"),
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("https://api.telegram.org/bot123456:AAFFghijklmnopqrstuvwxyz012345/sendMessage", "AAFF"),
        ("token eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl here", "eyJzdWIi"),
    ],
)
def test_secrets_in_texts_are_masked(text: str, secret: str) -> None:
    assert secret not in mask(text)
    assert "***" in mask(text)


def test_a_line_is_one_json_object_with_its_context_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("data", "INFO", "json")
    context.request_id.set("r-1")
    context.traceparent.set(new_traceparent())
    get_logger("test").info(
        "signed_in", password="p4ss", nested={"api_key": "k3y", "url": "amqp://u:pw@h"}, name="Анна"
    )
    logging.getLogger("third.party").warning("connecting to %s", "redis://:hunter2@h")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["signed_in", "connecting to redis://:***@h"]
    assert {line["service"] for line in lines} == {"data"}
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert lines[0]["password"] == "***"
    assert lines[0]["nested"] == {"api_key": "***", "url": "amqp://u:***@h"}
    assert lines[0]["name"] == "Анна"


def test_a_trace_continues_with_a_new_span() -> None:
    parent = new_traceparent()
    child = child_of(parent)
    assert is_traceparent(child)
    assert trace_id(child) == trace_id(parent)
    assert child != parent


@pytest.mark.parametrize("bad", [None, "", "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-zz", "a\r\nb"])
def test_a_malformed_trace_is_replaced(bad: str | None) -> None:
    assert is_traceparent(child_of(bad))
    assert trace_id(bad) is None
