"""The application factory: what every service's HTTP side has, so that a service lists only its routers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from shared.observability.logging import configure_logging
from shared.observability.metrics import sample_event_loop_lag
from shared.observability.tracing import configure_tracing
from shared.settings import ServiceSettings
from shared.web.health import Check, health_router
from shared.web.identity import GatewayKeys, IdentityVerifier, KeySource, require_identity
from shared.web.middleware import RequestContextMiddleware
from shared.web.problems import PROBLEM_RESPONSES, Problem, install_problem_handlers

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
ResourcesT = TypeVar("ResourcesT")


class LifespanState(TypedDict):
    """What handlers find in `request.state`; only a service's `dependencies.py` reads it."""

    settings: Any
    resources: Any
    checks: Mapping[str, Check]
    identity_verifier: IdentityVerifier


@dataclass(frozen=True)
class ServiceDefinition(Generic[SettingsT, ResourcesT]):
    """What makes one service differ from another.

    `owner` is the schema, the audience of identity tokens and the event owner (`data`); `background` is entered when
    the settings ask for the worker inside the HTTP process; `public_routers` are served without an identity.
    """

    owner: str
    title: str
    description: str
    open_resources: Callable[[SettingsT], AbstractAsyncContextManager[ResourcesT]]
    checks: Callable[[ResourcesT], Mapping[str, Check]]
    routers: Sequence[APIRouter]
    background: Callable[[SettingsT, ResourcesT], AbstractAsyncContextManager[None]] | None = None
    public_routers: Sequence[APIRouter] = ()
    version: str = "1.0.0"


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_service_app(
    definition: ServiceDefinition[SettingsT, ResourcesT], settings: SettingsT, keys: KeySource | None = None
) -> FastAPI:
    """`keys` replaces the gateway's published keys (tests, and the gateway itself)."""
    configure_logging(f"{definition.owner}", settings.log_level, settings.log_format)
    configure_tracing(definition.owner, settings.otlp_endpoint)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[LifespanState]:
        async with AsyncExitStack() as stack:
            resources = await stack.enter_async_context(definition.open_resources(settings))
            verifier = IdentityVerifier(keys or GatewayKeys(settings.gateway_url), definition.owner)
            stack.push_async_callback(verifier.close)
            if settings.worker_in_process and definition.background is not None:
                await stack.enter_async_context(definition.background(settings, resources))
            lag = asyncio.create_task(sample_event_loop_lag(), name="event-loop-lag")
            stack.callback(lag.cancel)
            yield LifespanState(
                settings=settings,
                resources=resources,
                checks=definition.checks(resources),
                identity_verifier=verifier,
            )

    app = FastAPI(
        title=definition.title,
        description=definition.description,
        version=definition.version,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        responses=PROBLEM_RESPONSES,
        docs_url=None,
        redoc_url=None,
    )
    install_problem_handlers(app)
    app.include_router(health_router(definition.owner))
    for router in definition.public_routers:
        app.include_router(router)
    for router in definition.routers:
        app.include_router(router, dependencies=[Depends(require_identity)])
    app.add_middleware(RequestContextMiddleware)
    _declare_problem_schema(app)
    return app


def _declare_problem_schema(app: FastAPI) -> None:
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
            schemas.update(schema.pop("$defs", {}))
            schemas["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
