"""The access log: one well-formed line per request, whatever is in the path."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.adapters.access_log import AccessLog, AccessRecord


def record(path: str) -> AccessRecord:
    return (0.0, b"r", b"t", "GET", "GET", path, "/a", "data", 200, 5, 0.01, "127.0.0.1", "u", "")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=50))
def test_every_line_is_one_json_object(path: str) -> None:
    stream = io.StringIO()
    log = AccessLog("json", stream=stream)
    log.write(record(path))
    log.flush()
    text = stream.getvalue()
    assert text.count("\n") == 1
    line = json.loads(text)
    assert (line["path"], line["event"], line["status"], line["service"]) == (path, "request", 200, "gateway")
    assert line["timestamp"].endswith("Z")


def test_lines_for_people_hold_no_control_characters() -> None:
    stream = io.StringIO()
    log = AccessLog("console", stream=stream)
    log.write(record("/a\n\x1b[31m"))
    log.flush()
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_nothing_is_written_when_it_is_off() -> None:
    stream = io.StringIO()
    log = AccessLog("json", enabled=False, stream=stream)
    log.write(record("/a"))
    log.flush()
    assert stream.getvalue() == ""
