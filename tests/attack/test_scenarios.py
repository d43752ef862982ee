"""What takes more than one message, against the private gateway."""

import asyncio
from typing import Any

import httpx
import pytest
from tests.attack.corpus.families import Surroundings
from tests.attack.corpus.tokens import Published
from tests.attack.house import ADMIN
from tests.attack.routes import Routes
from tests.attack.runner import Attack
from tests.attack.scenarios import SCENARIOS, Account


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_gets_through_over_several_messages(name: str, attack: Attack, attacked: dict[str, Any]) -> None:
    jwks = httpx.get(f"{attacked['url']}/.well-known/jwks.json", trust_env=False).json()
    given = Surroundings(Routes(), frozenset({"buyer"}), Published(jwks, attacked["token"]))
    findings = asyncio.run(SCENARIOS[name](attack, given, Account(*ADMIN)), debug=False)
    assert not findings, "\n".join(map(str, findings))
