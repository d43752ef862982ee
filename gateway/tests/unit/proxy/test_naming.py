"""Ids of requests and traces: what is well-formed is kept, nothing else gets through."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.domain.naming import names_of, new_names

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TRACE = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
anything = st.one_of(st.none(), st.binary(max_size=80), st.from_regex(REQUEST_ID, fullmatch=True))
traces = st.one_of(st.none(), st.binary(max_size=60), st.from_regex(TRACE, fullmatch=True))


@given(anything, traces)
def test_whatever_is_given_the_names_are_well_formed(given_id: bytes | None, given_trace: bytes | None) -> None:
    request_id, trace_id, traceparent = names_of(given_id, given_trace)
    found = TRACE.fullmatch(traceparent)
    assert REQUEST_ID.fullmatch(request_id)
    assert found is not None
    assert found[1] == trace_id != b"0" * 32
    assert found[2] != b"0" * 16


@given(st.from_regex(REQUEST_ID, fullmatch=True))
def test_a_well_formed_id_is_kept(given_id: bytes) -> None:
    assert names_of(given_id, None)[0] == given_id


@given(st.binary(min_size=1, max_size=200).filter(lambda given_id: not REQUEST_ID.fullmatch(given_id)))
def test_any_other_id_is_replaced(given_id: bytes) -> None:
    request_id, trace_id, _ = names_of(given_id, None)
    assert request_id == trace_id != given_id


@given(st.from_regex(TRACE, fullmatch=True))
def test_a_trace_is_continued_with_a_span_of_our_own(given_trace: bytes) -> None:
    _, trace, span, flags = given_trace.split(b"-")
    ours = names_of(None, given_trace)[2].split(b"-")
    if trace == b"0" * 32 or span == b"0" * 16:
        assert ours[1] != trace
    else:
        assert (ours[1], ours[3]) == (trace, flags)
        assert ours[2] != span


def test_ids_are_not_repeated() -> None:
    assert len({new_names()[0] for _ in range(10_000)}) == 10_000
