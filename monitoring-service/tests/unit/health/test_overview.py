import pytest

from monitoring_service.health.domain.overview import overall
from monitoring_service.health.domain.state import Status

UP, DOWN, DEGRADED, UNKNOWN = Status.UP, Status.DOWN, Status.DEGRADED, Status.UNKNOWN


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([], "unknown"),
        ([UNKNOWN, UNKNOWN], "unknown"),
        ([UP, UP], "operational"),
        ([UP, UNKNOWN], "operational"),
        ([UP, DEGRADED], "degraded"),
        ([UP, DOWN], "degraded"),
        ([DOWN, DOWN], "outage"),
    ],
)
def test_one_word_for_the_platform(statuses: list[Status], word: str) -> None:
    assert overall(statuses) == word
