"""Streams of events pass one by one, as they happen."""

import asyncio
import threading
from typing import Any

PATH = "/api/v1/data/sales"


class Events:
    """Sends five events, each when `next` is set; notes the id a reader saw last."""

    def __init__(self) -> None:
        self.next = threading.Event()
        self.last_ids: list[bytes] = []
        self.left = threading.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.last_ids += [line[15:] for line in head.split(b"\r\n") if line.startswith(b"last-event-id: ")]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in range(5):
            event = b"id: %d\ndata: x\n\n" % number
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.to_thread(self.next.wait, 5)
            self.next.clear()
        writer.write(b"0\r\n\r\n")
        writer.close()
        self.left.set()


def test_each_event_arrives_before_the_next_is_sent(gateway_to: Any, raw_upstream: Any) -> None:
    events = Events()
    gateway = gateway_to(raw_upstream(events))
    for _ in range(2):
        with (
            gateway.client("buyer") as client,
            client.stream("GET", PATH, headers={"Last-Event-ID": "41"}) as response,
        ):
            pieces = response.iter_raw()
            for number in range(5):
                assert next(pieces) == b"id: %d\ndata: x\n\n" % number
                events.next.set()
        assert events.left.wait(5)
        events.left.clear()
    assert events.last_ids == [b"41"] * 2
