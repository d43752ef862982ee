"""Collects the documents of the services and serves the merged one."""

import asyncio
import json
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.access.domain import OWN, RouteTable
from gateway.documentation.domain import Document, PublicRoute, merge
from shared.observability.logging import get_logger

_FRESH_SECONDS = 60.0
_TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 4 * 1024 * 1024
_DESCRIPTION = "Every route of the platform. Log in with POST /api/v1/auth/login, or send an API key."
_log = get_logger(__name__)


@dataclass(frozen=True)
class Fetched:
    """`document` is the last good one, None when there never was one."""

    document: Document | None
    asked_at: float


class DocumentationService:
    """`known` outlives the request: the last good document of each service, and the merged one under "".

    A service that is away keeps its place in the document as it was last seen.
    """

    def __init__(
        self,
        table: RouteTable,
        addresses: Mapping[str, str],
        client: httpx.AsyncClient,
        known: MutableMapping[str, Any],
    ) -> None:
        self._table = table
        self._addresses = addresses
        self._client = client
        self._known = known

    async def document(self, own: Document, version: str) -> bytes:
        """JSON text."""
        stale = [name for name in self._table.services if self._is_stale(name)]
        if stale:
            await asyncio.gather(*(self._refresh(name) for name in stale))
        if stale or "" not in self._known:
            self._known[""] = await asyncio.to_thread(self._merged, own, version)
        merged: bytes = self._known[""]
        return merged

    def _is_stale(self, name: str) -> bool:
        fetched: Fetched | None = self._known.get(name)
        return fetched is None or time.monotonic() - fetched.asked_at > _FRESH_SECONDS

    async def _refresh(self, name: str) -> None:
        before: Fetched | None = self._known.get(name)
        document = before.document if before is not None else None
        self._known[name] = Fetched(document, time.monotonic())
        try:
            response = await self._client.get(f"{self._addresses[name]}/openapi.json", timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
            if len(response.content) > _MAX_BYTES:
                raise ValueError("the document is too large")
            found = response.json()
            found["paths"].items()
        except (httpx.HTTPError, KeyError, ValueError, TypeError, AttributeError) as error:
            _log.warning("document_not_fetched", upstream=name, error=repr(error))
            return
        self._known[name] = Fetched(found, time.monotonic())

    def _merged(self, own: Document, version: str) -> bytes:
        documents: dict[str, Document] = {OWN: own}
        missing = []
        for name in sorted(self._table.services):
            fetched: Fetched = self._known[name]
            if fetched.document is None:
                missing.append(name)
            else:
                documents[name] = fetched.document
        description = _DESCRIPTION
        if missing:
            description += f" Not described at this moment, because they cannot be reached: {', '.join(missing)}."
        routes = [
            PublicRoute(
                outside=route.path,
                inside=route.inner_path(route.path.encode("ascii")).decode("ascii"),
                upstream=route.upstream,
                methods={method.lower(): permission.roles for method, permission in route.permissions.items()},
            )
            for route in self._table
        ]
        merged = merge(routes, documents, version=version, description=description)
        return json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode()
