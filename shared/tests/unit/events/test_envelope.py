import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from shared.events.data import PurchaseOrderCancelledV1, StockChangedV1, StockLevel
from shared.events.envelope import Envelope, EnvelopeError, source_of
from shared.events.storage import BackupFailedV1

EVENT = BackupFailedV1(backup_id=uuid4(), phase="dump", code="disk_full", detail="The disk is full; free some space.")


def envelope() -> Envelope:
    return Envelope.of(EVENT, source="/procurement/storage", subject="backup-1", traceparent="00-aa-bb-01")


def test_the_bytes_are_a_structured_mode_cloud_event():
    document = json.loads(envelope().to_bytes())
    assert document["specversion"] == "1.0"
    assert document["type"] == "storage.backup.failed.v1"
    assert document["source"] == "/procurement/storage"
    assert document["subject"] == "backup-1"
    assert document["datacontenttype"] == "application/json"
    assert document["traceparent"] == "00-aa-bb-01"
    assert document["data"]["phase"] == "dump"
    assert UUID(document["id"]).version == 7
    assert datetime.fromisoformat(document["time"]).utcoffset() == timedelta(0)


def test_bytes_and_back_is_the_same_envelope_and_payload():
    sent = envelope()
    received = Envelope.from_bytes(sent.to_bytes())
    assert received == sent
    assert received.payload(BackupFailedV1) == EVENT


def test_ids_are_plain_uuids_and_sort_by_time_of_creation():
    ids = [envelope().id for _ in range(200)]
    assert type(ids[0]) is UUID
    assert ids == sorted(ids)
    assert len(set(ids)) == 200


def test_only_the_owner_publishes_an_event():
    with pytest.raises(EnvelopeError, match="published by /procurement/storage only"):
        Envelope.of(EVENT, source=source_of("data"), subject="x")


def test_fields_and_attributes_that_nobody_knows_are_ignored():
    document = json.loads(envelope().to_bytes())
    document["data"]["added_next_year"] = {"a": 1}
    document["someextension"] = "x"
    assert Envelope.from_bytes(json.dumps(document).encode()).payload(BackupFailedV1) == EVENT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        envelope().to_bytes().replace(b'"specversion":"1.0"', b'"specversion":"2.0"'),
        envelope().to_bytes().replace(b"storage.backup.failed.v1", b"not a type"),
        envelope().to_bytes().replace(b"/procurement/storage", b"elsewhere"),
    ],
)
def test_what_is_not_an_envelope_is_refused(body):
    with pytest.raises(EnvelopeError, match="not a CloudEvents"):
        Envelope.from_bytes(body)


def test_data_that_does_not_fit_is_refused_without_showing_its_values():
    document = json.loads(envelope().to_bytes())
    document["data"]["backup_id"] = "secret value"
    with pytest.raises(EnvelopeError, match="backup_id") as caught:
        Envelope.from_bytes(json.dumps(document).encode()).payload(BackupFailedV1)
    assert "secret value" not in str(caught.value)


def test_another_type_is_refused():
    with pytest.raises(EnvelopeError, match=r"expected data\.stock\.changed\.v1"):
        envelope().payload(StockChangedV1)


def test_times_are_converted_to_utc_and_naive_ones_refused():
    level = StockLevel(sku="a", warehouse="w", on_hand=1)
    eastern = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=3)))
    assert StockChangedV1(as_of=eastern, levels=[level]).as_of == datetime(2026, 1, 1, 9, tzinfo=UTC)
    with pytest.raises(ValidationError):
        StockChangedV1(as_of=datetime(2026, 1, 1), levels=[level])  # noqa: DTZ001


def test_batches_are_bounded_at_a_thousand_items():
    levels = [StockLevel(sku=str(n), warehouse="w", on_hand=n) for n in range(1001)]
    StockChangedV1(as_of=datetime.now(UTC), levels=levels[:1000])
    with pytest.raises(ValidationError, match="at most 1000"):
        StockChangedV1(as_of=datetime.now(UTC), levels=levels)
    with pytest.raises(ValidationError, match="at least 1"):
        StockChangedV1(as_of=datetime.now(UTC), levels=[])


def test_money_travels_as_a_decimal_string():
    event = PurchaseOrderCancelledV1(
        order_id=uuid4(),
        number="PO-1",
        supplier="s",
        warehouse="w",
        currency="EUR",
        value="10.10",
        line_count=1,
        cancelled_by="u",
    )
    sent = Envelope.of(event, source="/procurement/data", subject="PO-1")
    assert sent.data["value"] == "10.10"
    assert Envelope.from_bytes(sent.to_bytes()).payload(PurchaseOrderCancelledV1) == event
