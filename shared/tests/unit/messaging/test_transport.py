from uuid import uuid4

import pytest

from shared.messaging.connect import open_transport
from shared.messaging.transport import QueueSpec, UnroutableError, dead_letter_id


@pytest.mark.parametrize("limits", [{"max_deliveries": 0}, {"prefetch": 0}, {"routing_keys": ()}])
def test_a_queue_that_could_never_deliver_is_refused(limits):
    with pytest.raises(ValueError, match=r"queue data\.x: at least one"):
        QueueSpec(**{"name": "data.x", "routing_keys": ("a",), **limits})


def test_dead_letters_are_told_apart_by_queue_and_content_only():
    assert dead_letter_id("q", b"1") == dead_letter_id("q", b"1")
    assert len({dead_letter_id("q", b"1"), dead_letter_id("q", b"2"), dead_letter_id("p", b"1")}) == 3


def test_an_unroutable_error_names_the_events():
    ids = [uuid4(), uuid4()]
    assert all(str(event_id) in str(UnroutableError(ids)) for event_id in ids)


@pytest.mark.parametrize("url", ["redis://h", "http://h", "", "rabbit"])
async def test_an_address_of_another_kind_is_refused_with_the_known_ones(url):
    with pytest.raises(ValueError, match="use amqp://, amqps:// or postgresql://"):
        async with open_transport(url, "test"):
            pass


@pytest.mark.parametrize("url", ["amqp://u:p@127.0.0.1:1/", "postgresql://u:p@127.0.0.1:1/x"])
async def test_opening_succeeds_while_the_broker_is_away(url):
    async with open_transport(url, "test") as transport:
        assert transport is not None
