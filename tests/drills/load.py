"""Requests at a fixed rate, whatever happens to the answers: every one is counted, and judged."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_SECONDS = 10.0


@dataclass
class Tally:
    """`seconds`: from the moment a request was due to its answer."""

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.failures.total()

    def p99_ms(self) -> float:
        ordered = sorted(self.seconds)
        return round(ordered[int(len(ordered) * 0.99)] * 1000, 1) if ordered else 0.0


class Caller:
    """Kept connections to one address, used again as long as the other side lets them live. `own`: the caller's address."""

    def __init__(self, host: str, port: int, own: str = "127.0.0.1") -> None:
        self._host, self._port, self._own = host, port, own
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, data: bytes) -> int:
        """The status. A client may not repeat a POST on its own, so neither does this one."""
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port, local_addr=(self._own, 0))
        try:
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
        except BaseException:
            writer.close()
            raise
        if b"onnection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head[9:12])

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def fixed_rate(callers: list[Caller], requests: list[bytes], rate: float, stop: asyncio.Event) -> Tally:
    """One after the other of `requests` by one after the other of `callers`, `rate` a second, until `stop`."""
    tally, tasks, began, number = Tally(), set(), time.monotonic(), 0

    async def one(caller: Caller, data: bytes, due: float) -> None:
        tally.requests += 1
        try:
            async with asyncio.timeout(_SECONDS):
                status = await caller.ask(data)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            tally.failures[f"{data[:4].decode().strip()} {type(error).__name__}"] += 1
            return
        tally.seconds.append(time.monotonic() - due)
        if status != 200:
            tally.failures[f"{data[:4].decode().strip()} {status}"] += 1

    while not stop.is_set():
        due = began + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(callers[number % len(callers)], requests[number % len(requests)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)
    for caller in callers:
        caller.close()
    return tally
