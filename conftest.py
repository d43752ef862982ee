"""Markers by folder, and the fixtures that start real servers."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.fixtures.infrastructure"]

_ROOT = Path(__file__).parent
_FOLDER_MARKERS = ("unit", "integration", "contract", "conformance", "architecture", "e2e", "bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folders = item.path.relative_to(_ROOT).parts
        for marker in _FOLDER_MARKERS:
            if marker in folders:
                item.add_marker(marker)
