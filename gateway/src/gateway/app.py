"""The gateway put together: its own routes as a service like the others, and the door in front of them all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

from fastapi import FastAPI

from gateway.access.jobs import RoutesWatch
from gateway.access.service import RouteTables
from gateway.api_keys.router import router as api_keys_router
from gateway.api_keys.service import ApiKeyService
from gateway.audit.jobs import seal_days, verify_nightly
from gateway.audit.router import router as audit_router
from gateway.audit.service import AuditService, DenialRecorder, Sealer
from gateway.authentication.adapters.keys import KeyRing, load_signing_keys
from gateway.authentication.adapters.tokens import Tokens
from gateway.authentication.jobs import purge_sessions, watch_signing_keys
from gateway.authentication.router import public_router as public_authentication_router
from gateway.authentication.router import router as authentication_router
from gateway.authentication.service.authenticator import Authenticator
from gateway.documentation.router import router as documentation_router
from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.access_log import AccessLog
from gateway.proxy.adapters.generations import Generations
from gateway.proxy.adapters.instance import Address
from gateway.proxy.adapters.limiter import RateLimiter
from gateway.proxy.adapters.memory_layer import MemoryLayer
from gateway.proxy.adapters.pool import Timeouts, UpstreamPool
from gateway.proxy.adapters.response_cache import ResponseCache
from gateway.proxy.adapters.store import SharedStore
from gateway.proxy.consumer import Renewal, subscriptions
from gateway.proxy.jobs import distrust_while_unheard
from gateway.proxy.router.door import Door
from gateway.proxy.router.express import Express
from gateway.proxy.router.passage import Pipeline
from gateway.proxy.service.admission import Admission, AdmissionRules
from gateway.proxy.service.delivery import Delivery
from gateway.proxy.service.forwarding import Forwarder
from gateway.resources import Resources, SigningKeys, checks, open_resources
from gateway.settings import Settings
from gateway.users.adapters.mail import mailer_of
from gateway.users.adapters.passwords import Passwords
from gateway.users.jobs import purge_one_time_tokens, send_password_resets
from gateway.users.router import router as users_router
from gateway.users.service.people import UserService
from shared.messaging.consumer import Consumers
from shared.messaging.worker import BackgroundTask, background
from shared.observability.logging import get_logger
from shared.web.application import ServiceDefinition, create_service_app

_CACHE_TIMEOUT_SECONDS = 0.05
_log = get_logger(__name__)
_Opener = Callable[[Settings], AbstractAsyncContextManager[Resources]]


def create_app(settings: Settings) -> FastAPI:
    """The gateway's own routes, without the door."""
    keys = _signing_keys(settings)
    routes = RouteTables(settings.routes_file, None)
    return _own_routes(settings, keys, lambda given: open_resources(given, keys, routes))


def create_gateway(settings: Settings) -> Door:
    """What the server runs. Raises: InvalidRoutesError, SigningKeyError."""
    routes = RouteTables(settings.routes_file, settings.upstreams)
    keys = _signing_keys(settings)

    @asynccontextmanager
    async def open_door(given: Settings) -> AsyncIterator[Resources]:
        async with open_resources(given, keys, routes) as resources, _running(door, resources):
            yield resources

    door = Door(_own_routes(settings, keys, open_door))
    return door


def _signing_keys(settings: Settings) -> SigningKeys:
    return SigningKeys(load_signing_keys(settings.signing_key_file, required=settings.environment == "production"))


def _own_routes(settings: Settings, keys: SigningKeys, open_all: _Opener) -> FastAPI:
    definition = ServiceDefinition[Settings, Resources](
        owner="gateway",
        title="Procurement gateway",
        description="Login, users, API keys and the audit trail; and the door to all services.",
        open_resources=open_all,
        checks=checks,
        routers=[authentication_router, users_router, api_keys_router, audit_router],
        public_routers=[public_authentication_router, documentation_router],
    )
    return create_service_app(definition, settings, KeyRing(keys))


@asynccontextmanager
async def _running(door: Door, resources: Resources) -> AsyncIterator[None]:
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
    forwarder = Forwarder(_pools(settings), settings.total_seconds, settings.long_total_seconds)
    cache_store, memory = SharedStore(resources.redis, _CACHE_TIMEOUT_SECONDS), MemoryLayer(settings.cache_memory_bytes)
    generations = Generations(cache_store, resources.redis, memory.drop)
    cache = ResponseCache(cache_store, memory, generations)
    delivery = Delivery(forwarder, cache, settings.cache_max_body_bytes)
    consumers = Consumers("gateway", Renewal, resources.transport, subscriptions(cache))
    limiter = RateLimiter(SharedStore(resources.redis, settings.limiter_timeout_seconds))
    log = AccessLog(settings.log_format, enabled=settings.log_level in {"DEBUG", "INFO"})
    denials = DenialRecorder(audit)
    sealer = Sealer(resources.database, resources.signing_keys)
    audit_jobs = (seal_days(resources.database, sealer), verify_nightly(resources.database, audit))
    async with AsyncExitStack() as stack:
        stack.callback(log.flush)
        stack.push_async_callback(sealer.seal_at_stop)
        stack.push_async_callback(denials.flush)
        stack.callback(forwarder.close)
        stack.push_async_callback(delivery.close)
        await stack.enter_async_context(background([BackgroundTask("cache changes", consumers.run)]))
        for work in (
            forwarder.sweep(),
            generations.follow(),
            distrust_while_unheard(resources.transport, cache),
            log.run(),
            denials.run(),
            *audit_jobs,
            *_identity_jobs(resources, authenticator),
        ):
            stack.push_async_callback(_stop, asyncio.create_task(work))
        metrics.IN_PROGRESS.set_function(lambda: door.in_progress)
        admission = Admission(resources.routes.current, _rules(settings), authenticator, limiter)
        watch = RoutesWatch(resources.routes, admission.use, settings.routes_check_seconds)
        stack.push_async_callback(_stop, asyncio.create_task(watch.run()))
        door.express = Express(admission, authenticator, cache, limiter, forwarder, log)
        door.pipeline = Pipeline(
            admission=admission,
            authenticator=authenticator,
            forwarder=forwarder,
            delivery=delivery,
            access_log=log,
            denials=denials,
            idle_seconds=settings.idle_seconds,
            is_draining=lambda: door.is_draining,
        )
        yield


def _identity_jobs(resources: Resources, authenticator: Authenticator) -> Iterable[Coroutine[None, None, None]]:
    settings = resources.settings
    mailer = mailer_of(settings.smtp_url, settings.mail_from, require_tls=settings.environment == "production")
    return (
        purge_sessions(resources),
        purge_one_time_tokens(resources),
        send_password_resets(resources, mailer),
        watch_signing_keys(resources, authenticator.forget_signatures),
    )


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


def _pools(settings: Settings) -> dict[str, UpstreamPool]:
    timeouts = Timeouts(settings.connect_seconds, settings.first_byte_seconds, settings.idle_seconds)
    pools = {}
    for name, urls in settings.upstreams.items():
        addresses = [Address(url.host or "", url.port or 0, tls=url.scheme == "https") for url in urls]
        pools[name] = UpstreamPool(name, addresses, timeouts, settings.upstream_connections)
    return pools


def _rules(settings: Settings) -> AdmissionRules:
    return AdmissionRules(
        trusted_proxies=settings.trusted_proxy_count,
        allowed_hosts=frozenset(host.lower().encode() for host in settings.allowed_hosts),
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
    )
