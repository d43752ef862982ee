"""The whole corpus against a private gateway: nobody gets through, nobody is mistaken for somebody else, nothing breaks."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from tests.attack.corpus.families import FAMILIES, Surroundings
from tests.attack.corpus.tokens import Published
from tests.attack.routes import Routes
from tests.attack.runner import Attack

MAX_SHOWN = 25


@pytest.fixture(scope="session")
def surroundings(attacked: dict[str, Any]) -> Surroundings:
    jwks = httpx.get(f"{attacked['url']}/.well-known/jwks.json", trust_env=False).json()
    return Surroundings(Routes(), frozenset({"buyer"}), Published(jwks, attacked["token"]))


def report(attack: Attack) -> str:
    shown = "\n".join(str(finding) for finding in attack.findings[:MAX_SHOWN])
    return f"{attack.figures()}\n{shown}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_payload_gets_through(family: str, attack: Attack, surroundings: Surroundings) -> None:
    asyncio.run(
        attack.run(FAMILIES[family](surroundings)), debug=False
    )  # debugging would make thousands of requests slow
    assert not attack.findings, report(attack)
    assert attack.limited == 0


def test_the_corpus_is_as_large_as_promised(surroundings: Surroundings) -> None:
    payloads = [payload for family in FAMILIES.values() for payload in family(surroundings)]
    names = Counter(f"{payload.family}: {payload.name}" for payload in payloads)
    assert len(names) >= 150
    assert not [name for name, times in names.items() if times > 1], "two payloads have one name"
