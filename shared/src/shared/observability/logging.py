"""Structured logs: a JSON object a line with service, request and trace id; secrets masked by key and by shape."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict

from shared.observability import context
from shared.observability.trace_context import trace_id

_SECRET_KEY = re.compile(r"passw|secret|token|authorization|api[_-]?key|cookie|credential|private", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?P<keep>://[^:/@\s]*:)[^@/\s]+(?=@)"  # the password of a URL
    r"|eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]+"  # a JWT
    r"|(?P<bot>/(?:file/)?bot)\d+:[\w-]{20,}"  # a Telegram token in a path
    r"|(?P<scheme>(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}"
)
MASK = "***"


def mask(text: str) -> str:
    """The text with passwords in URLs, tokens and authorisation values replaced."""
    return _SECRET_VALUE.sub(lambda m: (m["keep"] or m["bot"] or m["scheme"] or "") + MASK, text)


def _masked(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping) and depth < 4:
        return {k: MASK if _SECRET_KEY.search(str(k)) and v else _masked(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple) and depth < 4:
        return [_masked(item, depth + 1) for item in value]
    return value


def _mask_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {k: MASK if _SECRET_KEY.search(k) and v else _masked(v) for k, v in event.items()}


def _add_context(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if (request_id := context.request_id.get()) is not None:
        event.setdefault("request_id", request_id)
    if (trace := trace_id(context.traceparent.get())) is not None:
        event.setdefault("trace_id", trace)
    return event


def configure_logging(service: str, level: str = "INFO", fmt: str = "json") -> None:
    """Sends structlog and the standard library's loggers to standard output in one shape. Idempotent."""

    def _add_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_service,
        _add_context,
        structlog.processors.format_exc_info,
        _mask_secrets,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if fmt == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These either repeat our access log or carry URLs with tokens in them.
    for noisy in ("uvicorn.access", "httpx", "httpcore", "aiormq", "aio_pika", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for own in ("uvicorn", "uvicorn.error"):
        logging.getLogger(own).handlers[:] = []
        logging.getLogger(own).propagate = True


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
