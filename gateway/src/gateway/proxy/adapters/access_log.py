"""What is written down of every request: one line in the log and one observation in the metrics, both in batches.

Lines are rendered and written by a thread, so that a slow log never slows a request. They have the shape of all others
(service, logger, level, timestamp, event), but are put together here: the general logging chain costs more than
everything else done for a request.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import TextIO, TypeAlias

from shared.observability.metrics import HTTP_REQUEST_DURATION, HTTP_RESPONSE_BYTES, BatchHistogram

_FLUSH_SECONDS = 0.25
_FLUSH_RECORDS = 1000


# From the gateway's own knowledge alone: paths without their query, no headers, no bodies, no credentials. A plain
# tuple, since one is made for every request: ended at, request id, trace id, method, method as counted (`OTHER` when no
# route was found: labels must not be chosen by callers), path, route, upstream, status, bytes, seconds, address,
# subject, service that acts for the subject.
AccessRecord: TypeAlias = tuple[float, bytes, bytes, str, str, str, str, str, int, int, float, str, str, str]


class AccessLog:
    def __init__(self, fmt: str, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._render = _line_for_people if fmt == "console" else _json_line
        self._enabled = enabled
        self._stream = stream
        self._waiting: list[AccessRecord] = []
        self._durations: dict[tuple[str, str, int], BatchHistogram] = {}

    def write(self, record: AccessRecord) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= _FLUSH_RECORDS:
            asyncio.get_running_loop().run_in_executor(None, self._print, self._count())

    def flush(self) -> None:
        self._print(self._count())

    async def run(self) -> None:
        """For ever; what waits at the end is written by `flush`."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            records = self._count()
            if records:
                await asyncio.to_thread(self._print, records)

    def _count(self) -> Sequence[AccessRecord]:
        """Takes what waits, having observed it."""
        records, self._waiting = self._waiting, []
        seconds: dict[tuple[str, str, int], list[float]] = {}
        for record in records:
            seconds.setdefault((record[4], record[6], record[8]), []).append(record[10])
        for key, observed in seconds.items():
            child = self._durations.get(key)
            if child is None:
                child = self._durations[key] = HTTP_REQUEST_DURATION.labels(key[0], key[1], str(key[2]))
            child.observe_many(observed)
        HTTP_RESPONSE_BYTES.inc(sum(record[9] for record in records))
        return records

    def _print(self, records: Sequence[AccessRecord]) -> None:
        if records and self._enabled:
            stream = self._stream or sys.stdout
            stream.write("\n".join([self._render(record) for record in records]) + "\n")
            stream.flush()


class _Clock:
    """A second as text, made once."""

    second = 0
    text = ""

    @classmethod
    def text_of(cls, moment: float) -> str:
        second = int(moment)
        if second != cls.second:
            cls.second, cls.text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{cls.text}.{int((moment - second) * 1e6):06d}Z"


def _json_line(record: AccessRecord) -> str:
    """Only the path holds what a caller chose; the rest is ours, or was checked."""
    (
        ended_at,
        request_id,
        trace_id,
        method,
        _,
        path,
        route,
        upstream,
        status,
        size,
        seconds,
        address,
        subject,
        acting,
    ) = record
    return (
        f'{{"event":"request","service":"gateway","logger":"access","level":"info",'
        f'"timestamp":"{_Clock.text_of(ended_at)}","request_id":"{request_id.decode()}",'
        f'"trace_id":"{trace_id.decode()}","method":{encode_basestring(method)},"path":{encode_basestring(path)},'
        f'"route":"{route}","upstream":"{upstream}","status":{status},"bytes":{size},"seconds":{seconds:.5f},'
        f'"address":"{address}","subject":{encode_basestring(subject)},"acting_service":"{acting}"}}'
    )


def _line_for_people(record: AccessRecord) -> str:
    ended_at, request_id, _, method, _, path, _, _, status, size, seconds, address, subject, _ = record
    return (
        f"{_Clock.text_of(ended_at)} {address} {subject or '-'} {method} {path!r} {status} {size} bytes"
        f" {seconds * 1000:.1f} ms {request_id.decode()}"
    )
