"""One line per request, written in batches by a thread, so that a slow log never slows a request."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

_FLUSH_SECONDS = 0.25
_FLUSH_LINES = 500


class _Lines:
    """What structlog writes to: a list, emptied by the flush."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def info(self, line: str) -> None:
        self.waiting.append(line)


class AccessLog:
    """Fields come from the gateway alone: paths without their query, no headers, no bodies, no credentials."""

    def __init__(self, fmt: str, *, enabled: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lines = _Lines()
        self._enabled = enabled
        renderer: Any = structlog.dev.ConsoleRenderer() if fmt == "console" else _render_json
        self._logger = structlog.wrap_logger(
            self._lines, processors=[_add_time, renderer], wrapper_class=structlog.BoundLoggerBase
        )

    def write(self, **fields: Any) -> None:
        if self._enabled:
            self._logger._proxy_to_logger("info", "request", **fields)  # noqa: SLF001 -- structlog's seam for custom methods
            if len(self._lines.waiting) >= _FLUSH_LINES:
                asyncio.get_running_loop().run_in_executor(None, self.flush)

    def flush(self) -> None:
        lines, self._lines.waiting = self._lines.waiting, []
        if lines:
            stream = self._stream or sys.stdout
            stream.write("\n".join(lines) + "\n")
            stream.flush()

    async def run(self) -> None:
        """For ever; what waits at the end is written by `flush`."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await asyncio.to_thread(self.flush)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _render_json(_logger: Any, _method: str, event: EventDict) -> str:
    return _encode(event)


def _add_time(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")
    event["level"] = "info"
    event["logger"] = "access"
    event["service"] = "gateway"
    return event
