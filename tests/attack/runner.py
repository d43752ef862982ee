"""Sends payloads, many at once, and collects what must not be."""

import asyncio
import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.attack.judgement import Judge
from tests.attack.payload import FORGED, Credentials, Finding, Payload
from tests.attack.recorder import Recorder
from tests.attack.wire import Address, Exchange, Wire

_PARALLEL = 64
_LIMITED_TRIES = 6
_CLOSING_SECONDS = 3.0
_CANARY = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: {host}\r\n\r\n"


@dataclass
class Attack:
    """Against one door. `recorder` are the services behind it, when they are ours."""

    address: Address
    token: str | None = None
    recorder: Recorder | None = None
    front: bool = False
    quiet: float = 0.05
    findings: list[Finding] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    requests: int = 0
    limited: int = 0
    _probes: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _name: str = field(default_factory=lambda: secrets.token_hex(4))
    _sent: dict[str, tuple[Payload, Credentials, bytes]] = field(default_factory=dict)

    def variants(self, payloads: Sequence[Payload]) -> list[tuple[Payload, Credentials]]:
        return [
            (payload, credentials)
            for payload in payloads
            for credentials in payload.credentials
            if credentials != "valid" or self.token is not None
        ]

    async def run(self, payloads: Sequence[Payload]) -> None:
        """Afterwards `findings` holds what was found; payloads of earlier runs count as well."""
        slots = asyncio.Semaphore(_PARALLEL)

        async def one(payload: Payload, credentials: Credentials) -> None:
            async with slots:
                await self._try(payload, credentials)

        self.names |= {f"{payload.family}: {payload.name}" for payload in payloads}
        await asyncio.gather(*(one(*variant) for variant in self.variants(payloads)))
        if self.recorder is not None:
            await self.recorder.settled()
            self._look_behind(self.recorder)

    async def _try(self, payload: Payload, credentials: Credentials) -> None:
        judge = Judge(front=self.front)
        for attempt in range(_LIMITED_TRIES):
            probe = f"{self._name}-{next(self._probes)}"
            data = self.filled(payload.data, credentials, probe)
            self._sent[probe] = (payload, credentials, data)
            try:
                exchange = await self._exchange(payload, data)
            except (OSError, TimeoutError) as error:
                what = f"the door does not open: {error!r}"
                self.findings.append(Finding("unexpected", payload.name, credentials, what, data))
                return
            self.requests += 1
            if 429 not in exchange.statuses or 429 in payload.refused:
                break
            self.limited += 1
            await asyncio.sleep(1.0 + attempt)
        else:
            return  # refused by its rate: nothing to be seen of how it would be read
        self.findings += judge.answer(payload, credentials, data, exchange)

    async def _exchange(self, payload: Payload, data: bytes) -> Exchange:
        wire = await Wire.open(self.address)
        try:
            for number, piece in enumerate(payload.packets(data)):
                if number:
                    await asyncio.sleep(payload.pause)
                await wire.send(piece)
            answers = payload.answers
            exchange = await wire.read(answers, seconds=payload.seconds, quiet=self.quiet, head=payload.head)
            if payload.closes and not self.front and not exchange.closed and exchange.answers:
                # The answer must be readable before the end of the connection is: the end may take a moment.
                exchange = await wire.read(answers, seconds=_CLOSING_SECONDS, quiet=_CLOSING_SECONDS, head=payload.head)
            if payload.canary and not exchange.closed and exchange.answers:
                exchange = await self._with_canary(wire, exchange, payload)
            return exchange
        finally:
            wire.close()

    async def _with_canary(self, wire: Wire, before: Exchange, payload: Payload) -> Exchange:
        """An innocent request on the same connection must get its own answer: else the two sides read differently."""
        await wire.send(_CANARY.replace("{host}", self.address.authority).encode())
        expected = len(before.answers) + 1
        after = await wire.read(expected, seconds=3.0, quiet=self.quiet, head=payload.head)
        own = after.answers[len(before.answers) :]
        if after.closed and not own:
            return after
        if [answer.status for answer in own] == [200] and b'"keys"' in own[0].body:
            return before
        return after

    def filled(self, data: bytes, credentials: Credentials, probe: str) -> bytes:
        lines = {
            "none": b"User-Agent: ",
            "forged": FORGED + b"\r\nUser-Agent: ",
            "valid": f"Authorization: Bearer {self.token}\r\nUser-Agent: ".encode(),
        }
        auth = lines[credentials] + probe.encode()
        return data.replace(b"{host}", self.address.authority.encode()).replace(b"{auth}", auth)

    def _look_behind(self, recorder: Recorder) -> None:
        judge = Judge(front=self.front)
        seen, recorder.seen = recorder.seen, []
        for request in seen:
            found = self._sent.get(request.probe)
            if found is None:
                what = f"a service saw {request.line!r}, which nobody sent"
                self.findings.append(Finding("bypassed", "a request without a probe", "none", what))
            else:
                self.findings += judge.arrival(*found, [request])

    def figures(self) -> dict[str, int]:
        def count(kind: str) -> int:
            return sum(finding.kind == kind for finding in self.findings)

        return {
            "payloads": len(self.names),
            "requests": self.requests,
            "bypassed": count("bypassed"),
            "forged": count("forged"),
            "server_errors": count("server_error"),
            "unexpected": count("unexpected"),
            "limited": self.limited,
        }
