"""Collects the documents of the services and serves the merged one, to each caller what that caller may call."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.access.domain import OWN, RouteTable
from gateway.documentation.adapters.catalogue import problem_kinds
from gateway.documentation.domain.completing import complete
from gateway.documentation.domain.merging import Document, Operation, PublicRoute, Terms, assemble, merge
from gateway.documentation.domain.narrowing import Reader, visible
from shared.observability.logging import get_logger

_FRESH_SECONDS = 60.0
_TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 4 * 1024 * 1024
_MAX_READERS = 64
_LIBRARY = "library"
_DESCRIPTION = "What you may call. Errors are problem documents; /problems explains each."
_HINT = (
    "What may be called without credentials. Ask again with `Authorization: Bearer …` (POST /api/v1/auth/login) or "
    "`X-API-Key` for what you may call, or log in at /docs. Errors are problem documents; /problems explains each."
)
_log = get_logger(__name__)


@dataclass(frozen=True)
class Fetched:
    """`document` is the last good one, None when there never was one."""

    document: Document | None
    asked_at: float


@dataclass(frozen=True)
class Rendered:
    """JSON text and its strong entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class _Edition:
    """All there is to show, from one state of the table and the documents; rendered once per kind of reader."""

    table: RouteTable
    operations: tuple[Operation, ...]
    components: Mapping[str, Any]
    note: str
    rendered: dict[Reader, Rendered] = field(default_factory=dict)


class _Library:
    """What outlives a request."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.fetched: dict[str, Fetched] = {}
        self.edition: _Edition | None = None


class DocumentationService:
    """`known` outlives the request. A service that is away keeps its place in the document as it was last seen."""

    def __init__(
        self,
        table: RouteTable,
        addresses: Mapping[str, Sequence[str]],
        client: httpx.AsyncClient,
        known: MutableMapping[str, Any],
    ) -> None:
        self._table = table
        self._addresses = addresses
        self._client = client
        self._library: _Library = known.setdefault(_LIBRARY, _Library())

    async def document(self, own: Document, version: str, reader: Reader) -> Rendered:
        edition = await self._edition(own)
        rendered = edition.rendered.get(reader)
        if rendered is None:
            if len(edition.rendered) >= _MAX_READERS:
                edition.rendered.clear()
            rendered = edition.rendered[reader] = await asyncio.to_thread(_render, edition, version, reader)
        return rendered

    async def _edition(self, own: Document) -> _Edition:
        async with self._library.lock:
            stale = [name for name in self._table.services if self._is_stale(name)]
            changed = any(await asyncio.gather(*(self._refresh(name) for name in stale)))
            edition = self._library.edition
            if edition is None or changed or edition.table is not self._table:
                edition = self._library.edition = await asyncio.to_thread(self._new_edition, own)
            return edition

    def _is_stale(self, name: str) -> bool:
        fetched = self._library.fetched.get(name)
        return fetched is None or time.monotonic() - fetched.asked_at > _FRESH_SECONDS

    async def _refresh(self, name: str) -> bool:
        """Whether there is another document than before."""
        known = self._library.fetched.get(name)
        before = known.document if known is not None else None
        found = None
        for address in self._addresses[name]:
            found = found or await self._fetch(name, address)
        self._library.fetched[name] = Fetched(before if found is None else found, time.monotonic())
        return found is not None and found != before

    async def _fetch(self, name: str, address: str) -> Document | None:
        """From one instance; None when it is away or what it says cannot be used."""
        try:
            response = await self._client.get(f"{address}/openapi.json", timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
            if len(response.content) > _MAX_BYTES:
                raise ValueError("the document is too large")
            found: Document = response.json()
            await asyncio.to_thread(merge, self._routes(), {name: found})
        except (httpx.HTTPError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            _log.warning("document_not_fetched", upstream=name, error=repr(error))
            return None
        return found

    def _routes(self) -> list[PublicRoute]:
        return [
            PublicRoute(
                outside=route.path,
                inside=route.inner_path(route.path.encode("ascii")).decode("ascii"),
                upstream=route.upstream,
                methods={
                    method.lower(): Terms(
                        roles=permission.roles,
                        permit=permission.permit,
                        is_counted=permission.rate is not None,
                        is_upload=permission.upload,
                        is_own=route.upstream == OWN,
                    )
                    for method, permission in route.permissions.items()
                },
            )
            for route in self._table
        ]

    def _new_edition(self, own: Document) -> _Edition:
        documents: dict[str, Document] = {OWN: own}
        missing = []
        for name in sorted(self._table.services):
            document = self._library.fetched[name].document
            if document is None:
                missing.append(name)
            else:
                documents[name] = document
        note = (
            f" Not described at this moment, because they cannot be reached: {', '.join(missing)}." if missing else ""
        )
        operations, components = complete(merge(self._routes(), documents), problem_kinds())
        return _Edition(self._table, operations, components, note)


def _render(edition: _Edition, version: str, reader: Reader) -> Rendered:
    description = (_HINT if reader.roles is None else _DESCRIPTION) + edition.note
    shown = visible(edition.operations, reader)
    document = assemble(shown, edition.components, version=version, description=description)
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Rendered(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
