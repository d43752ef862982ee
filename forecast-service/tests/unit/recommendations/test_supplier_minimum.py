import numpy as np
import pytest

from forecast_service.recommendations.domain.supplier_minimum import GroupLines, apply_minimum


def lines_of(quantity, position, rate, *, pack=1.0, cost=1.0, moq=0.0, due=True, is_open=True) -> GroupLines:
    count = len(quantity)

    def spread(value):
        return np.broadcast_to(np.asarray(value, dtype=float), count).copy()

    return GroupLines(
        quantity=spread(quantity),
        position=spread(position),
        rate=spread(rate),
        pack=spread(pack),
        minimum_quantity=spread(moq),
        cost=spread(cost),
        due=np.broadcast_to(due, count).copy(),
        open=np.broadcast_to(is_open, count).copy(),
    )


def test_an_order_large_enough_stays_as_it_is() -> None:
    outcome = apply_minimum(lines_of([50, 60], [0, 0], [1, 1]), 100, 365)
    assert (outcome.decision, outcome.added.tolist()) == ("met", [0, 0])


def test_no_need_makes_no_order() -> None:
    assert apply_minimum(lines_of([0, 0], [9, 9], [1, 1]), 100, 365).decision == "met"


def test_a_small_order_waits_while_nothing_is_due() -> None:
    assert apply_minimum(lines_of([10], [0], [1], due=False), 100, 365).decision == "waits"


def test_the_soonest_to_run_out_are_raised_to_a_common_cover() -> None:
    lines = lines_of([10, 0, 0], [0, 15, 900], [1, 1, 1])
    outcome = apply_minimum(lines, 100, 365)
    cover = lines.position + lines.quantity + outcome.added
    assert outcome.decision == "raised"
    assert outcome.value == pytest.approx(100)
    assert abs(cover[0] - cover[1]) <= 1
    assert outcome.added[2] == 0


def test_packs_and_the_own_minimum_of_added_lines_are_kept() -> None:
    lines = lines_of([12, 0], [0, 5], [1, 3], pack=[12, 10], moq=[0, 40])
    outcome = apply_minimum(lines, 90, 365)
    assert outcome.value >= 90
    assert outcome.added[0] % 12 == 0
    assert outcome.added[1] % 10 == 0
    assert outcome.added[1] == 0 or outcome.added[1] >= 40


def test_no_more_than_needed_is_added() -> None:
    """Dropping one pack of any raised line would miss the minimum."""
    lines = lines_of([10, 8, 0], [0, 3, 2], [2, 1, 1], pack=[5, 4, 6], cost=[3.0, 2.0, 1.0])
    outcome = apply_minimum(lines, 150, 365)
    assert outcome.value >= 150
    for line in np.flatnonzero(outcome.added):
        assert outcome.value - lines.pack[line] * lines.cost[line] < 150


def test_ended_and_free_articles_are_not_used_to_reach_it() -> None:
    lines = lines_of([10, 0, 0], [0, 0, 0], [1, 9, 9], cost=[1.0, 1.0, 0.0], is_open=[True, False, True])
    outcome = apply_minimum(lines, 60, 365)
    assert outcome.added.tolist() == [50, 0, 0]


def test_a_minimum_beyond_the_longest_cover_is_unreachable() -> None:
    outcome = apply_minimum(lines_of([10], [0], [1]), 1000, 100)
    assert (outcome.decision, outcome.added.tolist()) == ("unreachable", [0])
