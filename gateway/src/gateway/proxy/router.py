"""The application the server runs: every request passes here, the gateway's own routes included.

A plain ASGI application: on this path a framework would cost more than all the checks together.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from gateway.access.domain import OWN
from gateway.authentication.service.authenticator import Authenticator
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.access_log import AccessLog
from gateway.proxy.errors import ClientGoneError, ResponseBrokenError
from gateway.proxy.service.admission import Admission, Arrival, rate_headers
from gateway.proxy.service.calls import Answer, Call, Message, Receive, RequestBody, Send
from gateway.proxy.service.delivery import Delivery
from shared.errors import ServiceError
from shared.observability import context
from shared.observability.logging import get_logger
from shared.observability.metrics import HTTP_REQUEST_DURATION, HTTP_REQUESTS_IN_PROGRESS, HTTP_RESPONSE_BYTES
from shared.observability.trace_context import child_of
from shared.web.problems import from_service_error, unexpected_problem

Scope = Mapping[str, Any]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
"""
"""
