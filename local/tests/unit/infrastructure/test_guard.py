"""What the guard remembers of the processes it watches."""

import signal

from local.infrastructure.guard import groups_to_end


def test_it_ends_the_last_process_of_every_name_with_its_own_signal() -> None:
    told = ["PostgreSQL 10 2\n", "gateway 11 15\n", "gateway 12 15\n"]
    assert groups_to_end(told) == {10: signal.SIGINT, 12: signal.SIGTERM}


def test_it_ends_nothing_after_a_proper_goodbye() -> None:
    assert groups_to_end(["gateway 11 15\n", "done\n"]) == {}


def test_a_line_cut_off_by_the_crash_is_ignored() -> None:
    assert groups_to_end(["gateway 11 15\n", "data-service 1"]) == {11: signal.SIGTERM}
