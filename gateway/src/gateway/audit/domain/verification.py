"""Reads a chain from its beginning and names the first place that does not hold."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from gateway.audit.domain.chain import DayEnd, Link, Seal


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold. `id` None: the entry that should be there is not."""

    id: UUID | None
    day: date
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    days: int
    entries: int
    seals: int
    first_broken: Break | None

    @property
    def intact(self) -> bool:
        return self.first_broken is None


@dataclass(frozen=True)
class Frame:
    """What the entries are compared with. `before`: hash before the first entry, None when it is not known.

    `ends`: of the days that are there as a whole. `is_whole`: that is all of them; else the first and the last day may
    be pieces, which are only followed from entry to entry.
    """

    ends: Mapping[date, DayEnd]
    seals: Sequence[Seal]
    keys: Mapping[str, bytes]
    before: bytes | None
    is_whole: bool


class ChainVerifier:
    """Takes the entries in their order, as many at a time as is convenient, and finds the first that does not fit."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._seals: dict[date, dict[int, list[Seal]]] = {}
        for seal in sorted(frame.seals, key=lambda seal: seal.end.entries):
            self._seals.setdefault(seal.end.day, {}).setdefault(seal.end.entries, []).append(seal)
        # A day that was sealed was there, whatever else says that it was not.
        sealed = {day: next(reversed(seals.values()))[0].end for day, seals in self._seals.items()}
        self._ends = {**(sealed if frame.is_whole else {}), **frame.ends}
        self._due = deque(sorted(self._ends.values(), key=lambda end: end.day))
        self._inner = (self._due[0].day, self._due[-1].day) if self._due else (date.max, date.min)
        self._last: Link | None = None
        self._in_day = 0
        self._days = self._entries = self._checked_seals = 0
        self.broken: Break | None = None

    def feed(self, links: Iterable[Link]) -> None:
        """Does nothing once a break is found."""
        for link in links:
            if self.broken is None:
                self.broken = self._follow(link)

    def finish(self) -> Verification:
        if self.broken is None:
            self.broken = self._settle(date.max)
        return Verification(self._days, self._entries, self._checked_seals, self.broken)

    def _follow(self, link: Link) -> Break | None:
        last = self._last
        is_new_day = last is None or link.day != last.day
        broken = self._begin(link) if is_new_day else None
        broken = broken or self._place(link)
        if broken is not None:
            return broken
        if link.computed_hash() != link.hash:
            return _at(link, "entry_changed")
        expected = last.hash if last is not None else self._frame.before
        if expected is not None and link.previous_hash != expected:
            # `link` agrees with itself: what stands before it is not what it was written after.
            return _at(link, "days_before_changed") if last is None or is_new_day else _at(last, "entry_replaced")
        self._last, self._in_day, self._entries = link, link.sequence, self._entries + 1
        return self._check_seals(link)

    def _begin(self, link: Link) -> Break | None:
        """The day of `link`: those before it must be complete."""
        if (broken := self._settle(link.day)) is not None:
            return broken
        is_known = link.day in self._ends
        if not is_known and (self._frame.is_whole or self._inner[0] < link.day < self._inner[1]):
            return _at(link, "day_unknown")
        self._days += 1
        self._in_day = 0 if is_known or self._last is not None else link.sequence - 1
        return None

    def _place(self, link: Link) -> Break | None:
        due = self._in_day + 1
        if link.sequence > due:
            return Break(None, link.day, due, "entry_missing")
        if link.sequence < due:
            return _at(link, "sequence_repeated")
        end = self._ends.get(link.day)
        if end is not None and link.sequence > end.entries:
            # A genuine seal over more entries than the head knows of tells which of the two was changed.
            sealed = any(self._is_genuine(seal) for n, seals in self._sealed(link.day) if n >= due for seal in seals)
            return _at(link, "head_changed" if sealed else "entry_added")
        return None

    def _sealed(self, day: date) -> Iterable[tuple[int, list[Seal]]]:
        return self._seals.get(day, {}).items()

    def _is_genuine(self, seal: Seal) -> bool:
        return seal.is_genuine(self._frame.keys.get(seal.key_id))

    def _check_seals(self, link: Link) -> Break | None:
        for seal in self._seals.get(link.day, {}).pop(link.sequence, ()):
            if not self._is_genuine(seal):
                return Break(None, link.day, link.sequence, "seal_forged")
            if seal.end.last_hash != link.hash:
                return _at(link, "seal_differs")
            self._checked_seals += 1
        return None

    def _settle(self, before: date) -> Break | None:
        """Compares every day before `before` that should be complete by now."""
        while self._due and self._due[0].day < before:
            end = self._due.popleft()
            last = self._last if self._last is not None and self._last.day == end.day else None
            found = self._in_day if last is not None else 0
            if found < max((end.entries, *(count for count, _ in self._sealed(end.day)))):
                return Break(None, end.day, found + 1, "entry_missing")
            if last is not None and last.hash != end.last_hash:
                return Break(None, end.day, found, "head_changed")
        return None


def _at(link: Link, reason: str) -> Break:
    return Break(link.id, link.day, link.sequence, reason)
