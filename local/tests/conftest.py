"""What the tests of the one-machine runner share."""

from datetime import date

import pytest


@pytest.fixture
def last_day() -> date:
    return date(2026, 11, 21)
