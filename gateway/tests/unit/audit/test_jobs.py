"""When the whole trail is verified by itself."""

from datetime import UTC, datetime, timedelta

from gateway.audit.jobs import is_due

NIGHT, NOON = datetime(2026, 11, 22, 2, tzinfo=UTC), datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_once_a_night() -> None:
    assert is_due(NIGHT - timedelta(hours=21), NIGHT)
    assert not is_due(NIGHT - timedelta(hours=2), NIGHT)
    assert not is_due(NOON - timedelta(hours=10), NOON)


def test_at_once_when_it_was_never_done_or_a_night_was_missed() -> None:
    assert is_due(None, NOON)
    assert is_due(NOON - timedelta(hours=26), NOON)
