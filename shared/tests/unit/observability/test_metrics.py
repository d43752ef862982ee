"""Observations in batches count like observations one by one."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.observability.metrics import BatchHistogram

BUCKETS = (0.1, 0.5, 1.0, 2.5)
amounts_seen = st.lists(st.one_of(st.floats(0, 10), st.sampled_from(BUCKETS)), max_size=50)


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "")): round(sample.value, 6)
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(amounts_seen, max_size=5))
def test_a_batch_counts_like_its_members(batches: list[list[float]]) -> None:
    together, one_by_one = CollectorRegistry(), CollectorRegistry()
    batched = BatchHistogram("seconds", "s", ["route"], buckets=BUCKETS, registry=together).labels("a")
    single = BatchHistogram("seconds", "s", ["route"], buckets=BUCKETS, registry=one_by_one).labels("a")
    for batch in batches:
        batched.observe_many(batch)
        for amount in batch:
            single.observe(amount)
    assert samples(together) == samples(one_by_one)
