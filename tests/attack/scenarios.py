"""Attacks that take more than one message: what comes before and after decides."""

import asyncio
import itertools
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.attack.corpus.families import Surroundings
from tests.attack.payload import Finding
from tests.attack.runner import Attack
from tests.attack.wire import Answer, Exchange, Wire, converse

_READ = "/api/v1/data/sales"
_PUBLIC = "/.well-known/jwks.json"
_REVOKED_SECONDS = 5.0
_IDLE_CONNECTIONS = int(os.environ.get("ATTACK_IDLE_CONNECTIONS", "1000"))
_SLOW_CLIENTS = 20
_SLOW_SECONDS = 40.0  # a head that takes longer was let in; ours is given up after 10 s, nginx gives 15


@dataclass(frozen=True)
class Account:
    """Somebody whose sessions may be opened and ended."""

    email: str
    password: str


async def ask(run: Attack, line: str, *headers: str, body: bytes = b"", seconds: float = 10.0) -> Exchange:
    """One ordinary request; limited ones are repeated."""
    lines = [line + " HTTP/1.1", f"Host: {run.address.authority}", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    for attempt in range(5):
        run.requests += 1
        exchange = await converse(run.address, [data], seconds=seconds, quiet=run.quiet)
        if exchange.statuses != [429]:
            break
        run.limited += 1
        await asyncio.sleep(1.0 + attempt)
    return exchange


async def answered(run: Attack, line: str, *headers: str, body: bytes = b"") -> Answer:
    exchange = await ask(run, line, *headers, body=body)
    if not exchange.answers:
        raise ConnectionError(f"no answer to {line}: {exchange.rest[:100]!r}")
    return exchange.answers[0]


async def reuse_after_an_error(run: Attack, _: Surroundings, __: Account | None) -> list[Finding]:
    """Behind a refusal the next request on the connection is judged on its own, and answered in order."""
    stranger = f"GET {_READ} HTTP/1.1\r\nHost: {run.address.authority}\r\n\r\n".encode()
    public = f"GET {_PUBLIC} HTTP/1.1\r\nHost: {run.address.authority}\r\n\r\n".encode()
    wire = await Wire.open(run.address)
    try:
        for data in (stranger, public, stranger, public):
            await wire.send(data)
        exchange = await wire.read(4, seconds=10, quiet=run.quiet)
    finally:
        wire.close()
    if [s for s in exchange.statuses if s != 429] in ([401, 200, 401, 200], [401], []) or 429 in exchange.statuses:
        return []
    return [Finding("bypassed", "reuse after an error", "none", f"answers {exchange.statuses}", stranger + public)]


async def slow_heads(run: Attack, _: Surroundings, __: Account | None) -> list[Finding]:
    """Test 6: a head that comes a byte at a time is given up, and nobody else waits for it."""
    head = f"GET {_READ} HTTP/1.1\r\nHost: {run.address.authority}\r\nX-A: ".encode() + b"a" * 500

    async def drip() -> bool:
        wire = await Wire.open(run.address)
        try:
            until = time.monotonic() + _SLOW_SECONDS
            for start in range(len(head)):
                await wire.send(head[start : start + 1])
                if wire.closed or time.monotonic() > until:
                    break
                await wire.news(0.5)
            return wire.closed
        finally:
            wire.close()

    drips = [asyncio.create_task(drip()) for _ in range(_SLOW_CLIENTS)]
    await asyncio.sleep(1)
    began = time.monotonic()
    served = await answered(run, f"GET {_PUBLIC}")
    waited = time.monotonic() - began
    ended = await asyncio.gather(*drips)
    findings = []
    if served.status != 200 or waited > 3:
        what = f"beside slow clients an ordinary one got {served.status} after {waited:.1f} s"
        findings.append(Finding("unexpected", "slow heads", "none", what))
    if not all(ended):
        what = f"{ended.count(False)} of {len(ended)} slow heads were still waited for after {_SLOW_SECONDS:g} s"
        findings.append(Finding("unexpected", "slow heads", "none", what, head[:80]))
    return findings


async def idle_connections(run: Attack, _: Surroundings, __: Account | None) -> list[Finding]:
    """Test 6: many connections on which nothing comes; a front may refuse most of them, others are served."""
    opened = await asyncio.gather(*(Wire.open(run.address) for _ in range(_IDLE_CONNECTIONS)), return_exceptions=True)
    wires = [wire for wire in opened if isinstance(wire, Wire)]
    try:
        if run.front:  # one address may hold so many connections there, and no more
            for wire in wires[50:]:
                wire.close()
            await asyncio.sleep(0.5)
        began = time.monotonic()
        served = await answered(run, f"GET {_PUBLIC}")
        waited = time.monotonic() - began
    finally:
        for wire in wires:
            wire.close()
    if served.status == 200 and waited < 3:
        return []
    what = f"beside {len(wires)} idle connections an ordinary one got {served.status} after {waited:.1f} s"
    return [Finding("unexpected", "idle connections", "none", what)]


async def forged_identity(run: Attack, _: Surroundings, __: Account | None) -> list[Finding]:
    """Test 9 without sight of the services: whatever is claimed, `/auth/me` tells who the token says."""
    if run.token is None:
        return []
    bearer = f"Authorization: Bearer {run.token}"
    own = await answered(run, "GET /api/v1/auth/me", bearer)
    findings = []
    for name in (
        "X-Identity-Token",
        "X_Identity_Token",
        "X.Identity.Token",
        "X-User-Id",
        "X-User-Roles",
        "X-Forwarded-User",
    ):
        claim = f"{name}: eyJhbGciOiJub25lIn0.eyJzdWIiOiJmb3JnZWQiLCJyb2xlcyI6WyJhZG1pbiJdfQ."
        told = await answered(run, "GET /api/v1/auth/me", claim, bearer)
        if told.status == 200 and told.body != own.body:
            findings.append(Finding("forged", f"me with {name}", "valid", f"{told.body[:200]!r}", claim.encode()))
        alone = await answered(run, "GET /api/v1/auth/me", claim)
        if alone.status != 401:
            findings.append(
                Finding("bypassed", f"me with {name} alone", "none", f"answered {alone.status}", claim.encode())
            )
    return findings


async def one_quota(run: Attack, _: Surroundings, __: Account | None) -> list[Finding]:
    """Test 16: no claimed address, spelling or query opens a second account of requests."""
    if run.token is None:
        return []
    bearer = f"Authorization: Bearer {run.token}"
    disguises = [
        (_READ, "X-Forwarded-For: 203.0.113.1"),
        (_READ, "X-Forwarded-For: 2001:db8:1::1"),
        (_READ, "X-Forwarded-For: 2001:db8:2::1"),
        (_READ, "X-Real-IP: 203.0.113.2"),
        (_READ, "Forwarded: for=203.0.113.3"),
        (_READ + "?limit=1", "X-A: 1"),
        ("/api/v1/data/%73ales", "X-A: 1"),
        (_READ, "User-Agent: other"),
    ]
    left: list[int] = []
    for path, header in disguises:
        answer = await answered(run, f"GET {path}", bearer, header)
        found = [part for part in answer.header("ratelimit").split(";") if part.startswith("r=")]
        left += [int(found[0][2:])] if found else []
    # What is left grows back while we ask; a fresh account would show all of it at once.
    grown = [(before, after) for before, after in itertools.pairwise(left) if after > before + 20]
    if not grown:
        return []
    return [Finding("bypassed", "one quota", "valid", f"requests left, in order: {left}")]


async def cached_answers(run: Attack, given: Surroundings, _: Account | None) -> list[Finding]:
    """Test 18: authorisation stands before the cache, and what was claimed beside the key is in no answer."""
    if run.token is None:
        return []
    bearer, findings = f"Authorization: Bearer {run.token}", []
    for route in given.routes.cached:
        first = await answered(run, f"GET {route.path}", bearer, "X-Forwarded-Host: poisoned.example")
        again = await answered(run, f"GET {route.path}", bearer)
        stranger = await answered(run, f"GET {route.path}")
        if stranger.status != 401:
            findings.append(Finding("bypassed", f"cached {route.pattern}", "none", f"a stranger got {stranger.status}"))
        for answer in (first, again):
            if b"poisoned.example" in answer.body + str(answer.headers).encode():
                findings.append(
                    Finding("bypassed", f"cached {route.pattern}", "valid", "a claimed host is in the answer")
                )
            control = answer.header("cache-control")
            if answer.status == 200 and not ("private" in control or "no-store" in control):
                findings.append(
                    Finding("bypassed", f"cached {route.pattern}", "valid", f"Cache-Control is {control!r}")
                )
            if answer.header("set-cookie"):
                findings.append(Finding("unexpected", f"cached {route.pattern}", "valid", "an answer sets a cookie"))
        if again.status == 200 and again.header("etag"):
            known = await answered(run, f"GET {route.path}", bearer, f"If-None-Match: {again.header('etag')}")
            if known.status not in {200, 304}:
                findings.append(
                    Finding("unexpected", f"cached {route.pattern}", "valid", f"If-None-Match got {known.status}")
                )
    return findings


async def revoked(run: Attack, _: Surroundings, account: Account | None) -> list[Finding]:
    """Test 14: after a logout the token is dead within five seconds; a refresh token used twice ends its session."""
    if account is None:
        return []
    findings = []
    tokens = await _log_in(run, account)
    await answered(
        run, "POST /api/v1/auth/logout", f"Authorization: Bearer {tokens['access_token']}", "Content-Length: 0"
    )
    if await _lives_on(run, tokens["access_token"]):
        findings.append(Finding("bypassed", "logout", "valid", f"the token works {_REVOKED_SECONDS:g} s after it"))
    tokens = await _log_in(run, account)
    old = json.dumps({"refresh_token": tokens["refresh_token"]}).encode()
    renewed = await answered(run, "POST /api/v1/auth/refresh", body=old)
    second = await answered(run, "POST /api/v1/auth/refresh", body=old)
    if renewed.status != 200 or second.status != 401:
        what = f"the refresh token gave {renewed.status}, used again {second.status}"
        findings.append(Finding("bypassed", "refresh reuse", "valid", what))
    elif await _lives_on(run, json.loads(renewed.body)["access_token"]):
        what = f"the session lives on {_REVOKED_SECONDS:g} s after the reuse"
        findings.append(Finding("bypassed", "refresh reuse", "valid", what))
    return findings


async def _log_in(run: Attack, account: Account) -> dict[str, str]:
    body = json.dumps({"email": account.email, "password": account.password}).encode()
    answer = await answered(run, "POST /api/v1/auth/login", body=body)
    tokens: dict[str, str] = json.loads(answer.body)
    return tokens


async def _lives_on(run: Attack, token: str) -> bool:
    until = time.monotonic() + _REVOKED_SECONDS
    while True:
        answer = await answered(run, "GET /api/v1/auth/me", f"Authorization: Bearer {token}")
        if answer.status == 401:
            return False
        if time.monotonic() > until:
            return True
        await asyncio.sleep(0.25)


Scenario = Callable[[Attack, Surroundings, Account | None], Awaitable[list[Finding]]]
SCENARIOS: Mapping[str, Scenario] = {
    "reuse-after-an-error": reuse_after_an_error,
    "slow-heads": slow_heads,
    "idle-connections": idle_connections,
    "forged-identity": forged_identity,
    "one-quota": one_quota,
    "cached-answers": cached_answers,
    "revoked": revoked,
}
