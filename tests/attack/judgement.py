"""What an answer, and what a service saw, prove about a payload."""

import json
from collections.abc import Iterable

from tests.attack.payload import Credentials, Finding, Payload
from tests.attack.recorder import Seen
from tests.attack.wire import Answer, Exchange

_PROTOCOL_REFUSALS = frozenset({501, 505})  # a front's way to say 400
_CLOSING = frozenset({400, 408, 413, 414, 431, *_PROTOCOL_REFUSALS})
_STRANGER = frozenset({401})


def _is_problem(answer: Answer) -> bool:
    try:
        status = json.loads(answer.body)["status"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(status == answer.status) and answer.header("content-type").startswith("application/problem+json")


class Judge:
    """`front`: a proxy stands before the gateway; `roles`: of the valid credentials."""

    def __init__(self, *, front: bool) -> None:
        self._front = front

    def answer(self, payload: Payload, credentials: Credentials, sent: bytes, exchange: Exchange) -> list[Finding]:
        return [
            Finding(kind, payload.name, credentials, what, sent)  # type: ignore[arg-type]
            for kind, what in self._faults(payload, credentials, exchange)
        ]

    def _faults(self, payload: Payload, credentials: Credentials, exchange: Exchange) -> Iterable[tuple[str, str]]:
        allowed = self._allowed(payload, credentials)
        for answer in exchange.answers:
            status = answer.status
            if status >= 500 and not (status in _PROTOCOL_REFUSALS and (status in allowed or self._front)):
                yield "server_error", f"answered {status}"
            elif status < 400 and not self._may_be_served(payload, credentials):
                yield "bypassed", f"answered {status}"
            elif status >= 400 and status not in allowed and status < 500:
                yield "unexpected", f"answered {status}, not one of {sorted(allowed)}: {answer.body[:300]!r}"
        for answer in exchange.answers:
            if answer.status >= 400 and not payload.head and not _is_problem(answer):
                yield "unexpected", f"the refusal is no problem document: {answer.headers} {answer.body[:100]!r}"
        if len(exchange.answers) > payload.answers:
            yield "bypassed", f"{len(exchange.answers)} answers to {payload.answers} requests: {exchange.statuses}"
        if any(status not in {100, 102, 103} for status in exchange.interim):
            yield "bypassed", f"protocol switched: {exchange.interim}"
        if not exchange.answers and not exchange.closed and not payload.silent:
            yield "unexpected", f"no answer within {payload.seconds:g} s: {exchange.rest[:200]!r}"
        if payload.closes and not self._front and not exchange.closed and _CLOSING & set(exchange.statuses):
            yield "unexpected", f"the connection stays open after {exchange.statuses}"

    def _allowed(self, payload: Payload, credentials: Credentials) -> frozenset[int]:
        allowed = payload.refused
        if credentials != "valid":
            allowed |= _STRANGER
        elif payload.reaches or (self._front and payload.front_accepts):
            allowed |= frozenset({403, 404, 409, 415, 422})
        if self._front:
            allowed |= frozenset({400, 404, 405, 408, 413, 414, 421}) | _PROTOCOL_REFUSALS
        return allowed

    def _may_be_served(self, payload: Payload, credentials: Credentials) -> bool:
        if payload.public:
            return True
        return credentials == "valid" and bool(payload.reaches or (self._front and payload.front_accepts))

    def arrival(self, payload: Payload, credentials: Credentials, sent: bytes, seen: Iterable[Seen]) -> list[Finding]:
        """`seen`: the requests of this payload that came out behind the gateway."""
        findings = []
        for request in seen:
            findings += [Finding("forged", payload.name, credentials, fault, sent) for fault in request.forgeries]
            if not request.complete and payload.cut:
                continue
            if credentials != "valid" or not self._may_reach(payload, request.line):
                what = f"a service saw {request.line!r}" + ("" if request.complete else " without its end")
                findings.append(Finding("bypassed", payload.name, credentials, what, sent))
        return findings

    def _may_reach(self, payload: Payload, line: str) -> bool:
        return line in payload.reaches or (self._front and payload.front_accepts)
