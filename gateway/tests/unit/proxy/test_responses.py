"""What callers get of a service's headers."""

import pytest

from gateway.proxy.domain.responses import outside_location, passed_headers

HERE = (b"/v1", b"/api/v1/data")


def test_hop_by_hop_and_inner_headers_stay_inside() -> None:
    headers = [
        (b"connection", b"keep-alive, x-a"),
        (b"keep-alive", b"1"),
        (b"x-a", b"1"),
        (b"x-b", b"2"),
        (b"server", b"s"),
    ]
    assert passed_headers(headers, 200, HERE) == [(b"x-b", b"2")]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_no_length(status: int) -> None:
    assert passed_headers([(b"content-length", b"20")], status, HERE) == []


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (b"/v1/imports/7", b"/api/v1/data/imports/7"),
        (b"/v1", b"/v1"),
        (b"/v10/x", b"/v10/x"),
        (b"https://elsewhere/v1/x", b"https://elsewhere/v1/x"),
    ],
)
def test_locations_are_translated(inner: bytes, outer: bytes) -> None:
    assert outside_location(inner, *HERE) == outer
