"""The gateway put together: its own routes as a service like the others, and the door in front of them all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from gateway.access.domain import RouteTable
from gateway.access.service import route_table
from gateway.api_keys.router import router as api_keys_router
from gateway.api_keys.service import ApiKeyService
from gateway.audit.router import router as audit_router
from gateway.audit.service import AuditService, DenialRecorder
from gateway.authentication.adapters.keys import KeyRing, load_signing_keys
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.jobs import purge_sessions
from gateway.authentication.router import public_router as public_authentication_router
from gateway.authentication.router import router as authentication_router
from gateway.authentication.service.authenticator import Authenticator
from gateway.documentation.router import router as documentation_router
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.access_log import AccessLog
from gateway.proxy.adapters.limiter import RateLimiter
from gateway.proxy.adapters.pool import Address, Timeouts, UpstreamPool
from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.adapters.store import SharedStore
from gateway.proxy.router import Door, Pipeline
from gateway.proxy.service.admission import Admission, AdmissionRules
from gateway.proxy.service.delivery import Delivery
from gateway.proxy.service.forwarding import Forwarder
from gateway.resources import Resources, checks, open_resources
from gateway.settings import Settings
from gateway.users.adapters import Passwords
from gateway.users.router import router as users_router
from gateway.users.service import UserService
from shared.observability.logging import get_logger
from shared.web.application import ServiceDefinition, create_service_app
from shared.web.identity import StaticKeys

_CACHE_TIMEOUT_SECONDS = 0.05
_log = get_logger(__name__)
_Opener = Callable[[Settings], AbstractAsyncContextManager[Resources]]


class MissingUpstreamError(ValueError):
    """The table of routes names a service that has no address."""


def create_app(settings: Settings) -> FastAPI:
    """The gateway's own routes, without the door."""
    keys = load_signing_keys(settings.signing_key_file, required=settings.environment == "production")
    return _own_routes(settings, keys, lambda given: open_resources(given, keys))


def create_gateway(settings: Settings) -> Door:
    """What the server runs. Raises: InvalidRoutesError, MissingUpstreamError, SigningKeyError."""
    table = route_table(settings.routes_file)
    if missing := table.services - settings.upstreams.keys():
        names = ", ".join(f"GATEWAY_UPSTREAMS__{name.upper()}" for name in sorted(missing))
        raise MissingUpstreamError(f"The routes need the addresses of services that are not set: {names}.")
    keys = load_signing_keys(settings.signing_key_file, required=settings.environment == "production")

    @asynccontextmanager
    async def open_door(given: Settings) -> AsyncIterator[Resources]:
        async with open_resources(given, keys) as resources, _running(door, table, resources):
            yield resources

    door = Door(_own_routes(settings, keys, open_door))
    return door


def _own_routes(settings: Settings, keys: tuple[Ed25519PrivateKey, ...], open_all: _Opener) -> FastAPI:
    definition = ServiceDefinition[Settings, Resources](
        owner="gateway",
        title="Procurement gateway",
        description="Login, users, API keys and the audit trail; and the door to all services.",
        open_resources=open_all,
        checks=checks,
        routers=[authentication_router, users_router, api_keys_router, audit_router],
        public_routers=[public_authentication_router, documentation_router],
    )
    return create_service_app(definition, settings, StaticKeys(KeyRing(keys).public_keys))


@asynccontextmanager
async def _running(door: Door, table: RouteTable, resources: Resources) -> AsyncIterator[None]:
    """The door's pipeline and what works beside it, for as long as the application runs."""
    settings = resources.settings
    if settings.signing_key_file is None:
        _log.warning(
            "signing_key_is_temporary", reason="GATEWAY_SIGNING_KEY_FILE is not set; a restart ends all sessions"
        )
    audit = AuditService(resources.database)
    await _create_first_administrator(resources, audit)
    tokens = Tokens(KeyRing(resources.signing_keys))
    api_keys = ApiKeyService(resources.database, audit)
    authenticator = Authenticator(resources.database, tokens, api_keys, settings.service_clients)
    forwarder = Forwarder(_pools(settings, table), settings.total_seconds, settings.long_total_seconds)
    cache = ResponseCache(SharedStore(resources.redis, _CACHE_TIMEOUT_SECONDS))
    limiter = RateLimiter(SharedStore(resources.redis, settings.limiter_timeout_seconds))
    log = AccessLog(settings.log_format, enabled=settings.log_level in {"DEBUG", "INFO"})
    denials = DenialRecorder(audit)
    async with AsyncExitStack() as stack:
        stack.callback(log.flush)
        stack.push_async_callback(denials.flush)
        stack.callback(forwarder.close)
        for work in (forwarder.sweep(), log.run(), denials.run(), purge_sessions(resources)):
            stack.push_async_callback(_stop, asyncio.create_task(work))
        metrics.IN_PROGRESS.set_function(lambda: door.in_progress)
        door.pipeline = Pipeline(
            admission=Admission(table, _rules(settings), authenticator, limiter),
            authenticator=authenticator,
            delivery=Delivery(forwarder, cache, settings.cache_max_body_bytes),
            access_log=log,
            denials=denials,
            idle_seconds=settings.idle_seconds,
        )
        yield


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _create_first_administrator(resources: Resources, audit: AuditService) -> None:
    settings = resources.settings
    if settings.admin_email is None or settings.admin_password is None:
        return
    passwords = Passwords(resources.password_threads, resources.password_slots)
    users = UserService(resources.database, passwords, audit)
    await users.create_first_administrator(settings.admin_email, settings.admin_password.get_secret_value())


def _pools(settings: Settings, table: RouteTable) -> dict[str, UpstreamPool]:
    timeouts = Timeouts(settings.connect_seconds, settings.first_byte_seconds, settings.idle_seconds)
    pools = {}
    for name in table.services:
        url = settings.upstreams[name]
        address = Address(url.host or "", url.port or 0, tls=url.scheme == "https")
        pools[name] = UpstreamPool(name, address, timeouts, settings.upstream_connections)
    return pools


def _rules(settings: Settings) -> AdmissionRules:
    return AdmissionRules(
        trusted_proxies=settings.trusted_proxy_count,
        allowed_hosts=frozenset(host.lower().encode() for host in settings.allowed_hosts),
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
    )
