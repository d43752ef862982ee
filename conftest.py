"""Markers by folder, and the fixtures that start real servers."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ["tests.fixtures.infrastructure"]

_ROOT = Path(__file__).parent
# Files that are not part of the repository, and what only one kind of user can try.
_SKIPS_ALLOWED_IN_CI = ("retail files", "only root")
_FOLDER_MARKERS = ("unit", "integration", "contract", "conformance", "architecture", "e2e", "attack", "drills", "bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folders = item.path.relative_to(_ROOT).parts
        for marker in _FOLDER_MARKERS:
            if marker in folders:
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a server that is missing is a failure: a skip would be a promise nobody checked."""
    report = yield
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not any(allowed in reason for allowed in _SKIPS_ALLOWED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {reason}"
    return report
