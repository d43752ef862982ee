"""One platform for the end-to-end tests: the one at E2E_URL, else one started here on embedded infrastructure."""

import os
from collections.abc import Iterator

import pytest
from tests.e2e.platform import Platform, existing_platform, started_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    if os.environ.get("E2E_URL"):
        yield existing_platform()
        return
    with started_platform(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("whole machine"))
