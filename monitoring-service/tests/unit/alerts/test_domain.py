from datetime import UTC, datetime

import pytest

from monitoring_service.alerts.domain import AlertStatus, ReceivedAlert, is_news


def alert(labels: dict[str, str], annotations: dict[str, str] | None = None) -> ReceivedAlert:
    return ReceivedAlert(
        fingerprint="f",
        status=AlertStatus.FIRING,
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=None,
        labels=labels,
        annotations=annotations or {},
        generator_url=None,
    )


@pytest.mark.parametrize(
    ("label", "severity"),
    [("critical", "critical"), ("page", "critical"), ("Warning", "warning"), ("ticket", "warning"), ("info", "info")],
)
def test_severities_of_rules_become_ours(label: str, severity: str) -> None:
    assert alert({"severity": label}).severity == severity


def test_an_unknown_or_missing_severity_is_a_warning() -> None:
    assert alert({"severity": "purple"}).severity == "warning"
    assert alert({}).severity == "warning"


def test_an_alert_without_annotations_is_summed_up_by_its_name() -> None:
    assert alert({"alertname": "ServiceDown"}).summary == "ServiceDown"
    assert alert({}).name == "UnnamedAlert"
    assert len(alert({"alertname": "x" * 3000}).name) == 255


def test_only_a_changed_status_is_news() -> None:
    assert is_news(None, AlertStatus.FIRING)
    assert is_news(AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert is_news(AlertStatus.RESOLVED, AlertStatus.FIRING)
    assert not is_news(AlertStatus.FIRING, AlertStatus.FIRING)
