"""One line per request, written in batches by a thread, so that a slow log never slows a request.

The lines have the shape of all others (service, logger, level, timestamp, event), but are put together here: the
general logging chain costs more than everything else done for a request.
"""

import asyncio
import sys
import time
from json.encoder import encode_basestring
from typing import NamedTuple, TextIO

_FLUSH_SECONDS = 0.25
_FLUSH_LINES = 500


class AccessRecord(NamedTuple):
    """From the gateway's own knowledge alone: paths without their query, no headers, no bodies, no credentials."""

    request_id: str
    trace_id: str
    method: str
    path: str
    route: str
    upstream: str
    status: int
    bytes: int
    seconds: float
    address: str
    subject: str
    acting_service: str


class AccessLog:
    def __init__(self, fmt: str, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._render = _line_for_people if fmt == "console" else _json_line
        self._enabled = enabled
        self._stream = stream
        self._waiting: list[str] = []

    def write(self, record: AccessRecord) -> None:
        if self._enabled:
            self._waiting.append(self._render(record))
            if len(self._waiting) >= _FLUSH_LINES:
                asyncio.get_running_loop().run_in_executor(None, self.flush)

    def flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            stream = self._stream or sys.stdout
            stream.write("\n".join(lines) + "\n")
            stream.flush()

    async def run(self) -> None:
        """For ever; what waits at the end is written by `flush`."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await asyncio.to_thread(self.flush)


class _Clock:
    """The present second as text, made once a second."""

    second = 0
    text = ""

    @classmethod
    def now(cls) -> str:
        now = time.time()
        second = int(now)
        if second != cls.second:
            cls.second, cls.text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{cls.text}.{int((now - second) * 1e6):06d}Z"


def _json_line(record: AccessRecord) -> str:
    """Only the path holds what a caller chose; the rest is ours, or was checked."""
    return (
        f'{{"event":"request","service":"gateway","logger":"access","level":"info","timestamp":"{_Clock.now()}",'
        f'"request_id":"{record.request_id}","trace_id":"{record.trace_id}","method":{encode_basestring(record.method)},'
        f'"path":{encode_basestring(record.path)},"route":"{record.route}","upstream":"{record.upstream}",'
        f'"status":{record.status},"bytes":{record.bytes},"seconds":{record.seconds:.5f},"address":"{record.address}",'
        f'"subject":{encode_basestring(record.subject)},"acting_service":"{record.acting_service}"}}'
    )


def _line_for_people(record: AccessRecord) -> str:
    caller = record.subject or "-"
    return (
        f"{_Clock.now()} {record.address} {caller} {record.method} {record.path!r} {record.status}"
        f" {record.bytes} bytes {record.seconds * 1000:.1f} ms {record.request_id}"
    )
