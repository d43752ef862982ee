"""An application served in this process, with its lifespan running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from shared.testing.identities import identity_headers


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.ASGITransport]:
    """Start-up done, shut-down at the end; requests through the transport see the lifespan state."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        yield httpx.ASGITransport(app=with_state, raise_app_exceptions=False)


@asynccontextmanager
async def service_client(app: FastAPI, audience: str, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests carry a signed identity (an administrator's unless `claims` say otherwise)."""
    async with (
        running(app) as transport,
        httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=identity_headers(audience, **claims)
        ) as client,
    ):
        yield client
