"""The committed OpenAPI document is the one the application has."""

from pathlib import Path

from shared.web.openapi import document


def test_the_committed_document_is_current() -> None:
    committed = (Path(__file__).parents[2] / "openapi.json").read_text(encoding="utf-8")
    assert committed == document("notification_service"), (
        "run: python -m shared.web.openapi notification_service > notification-service/openapi.json"
    )
