"""A flood of denials is counted, not kept."""

from gateway.audit.domain import DenialQueue, Entry, Origin


def test_the_queue_keeps_the_first_and_counts_the_rest() -> None:
    queue = DenialQueue(capacity=2)
    entries = [Entry(f"e{number}", False, Origin("", None)) for number in range(5)]
    assert [queue.put(entry) for entry in entries] == [True, True, False, False, False]
    assert queue.drain() == (entries[:2], 3)
    assert queue.drain() == ([], 0)
    assert queue.put(entries[4])
