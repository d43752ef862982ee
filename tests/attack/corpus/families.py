"""All families, each made for the surroundings it is used in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.attack.corpus import cache, chunks, framing, heads, identity, limits, methods, paths, tokens, tracing, urls
from tests.attack.corpus.tokens import Published
from tests.attack.payload import Payload
from tests.attack.routes import Routes


@dataclass(frozen=True)
class Surroundings:
    """`roles`: of the valid credentials."""

    routes: Routes
    roles: frozenset[str]
    published: Published


FAMILIES: Mapping[str, Callable[[Surroundings], list[Payload]]] = {
    "framing": lambda _: framing.payloads(),
    "chunks": lambda _: chunks.payloads(),
    "heads": lambda _: heads.payloads(),
    "paths": lambda given: paths.payloads(given.routes, given.roles),
    "limits": lambda _: limits.payloads(),
    "methods": lambda given: methods.payloads(given.routes),
    "identity": lambda _: identity.payloads(),
    "tokens": lambda given: tokens.payloads(given.published),
    "cache": lambda given: cache.payloads(given.routes, given.roles),
    "tracing": lambda _: tracing.payloads(),
    "urls": lambda _: urls.payloads(),
}
