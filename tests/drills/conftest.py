"""Gateways as processes with recorded services behind them, for drills."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.attack.house import House, private_house
from tests.attack.recorder import Recorder, recording


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "drills" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("whole machine"))


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def house(
    recorder: Recorder, postgres_templates: Any, valkey_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with private_house(recorder, postgres_templates, valkey_server.url, tmp_path_factory.mktemp("house")) as house:
        yield house
