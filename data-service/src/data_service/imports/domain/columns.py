"""Which column of the file is which, by name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data_service.imports.domain.kinds import KindRules

_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class ColumnMatch:
    positions: dict[str, int]
    """Canonical name to position in the file."""
    missing: tuple[str, ...]
    ignored: tuple[str, ...]


def match_columns(header: Sequence[str], rules: KindRules) -> ColumnMatch:
    """The canonical name wins over synonyms, an earlier synonym over a later one, a column is taken once."""
    seen: dict[str, int] = {}
    for position, name in enumerate(header):
        seen.setdefault(_normalized(name), position)
    positions: dict[str, int] = {}
    for names_of_rank in _ranks(rules):
        for canonical, name in names_of_rank:
            found = seen.get(_normalized(name))
            if found is not None and canonical not in positions and found not in positions.values():
                positions[canonical] = found
    missing = tuple(column.name for column in rules.columns if column.is_required and column.name not in positions)
    taken = set(positions.values())
    ignored = tuple(name for position, name in enumerate(header) if position not in taken)
    return ColumnMatch(positions, missing, ignored)


def _ranks(rules: KindRules) -> list[list[tuple[str, str]]]:
    """All canonical names first, then every column's first synonym, and so on."""
    names = [(column.name, (column.name, *column.synonyms)) for column in rules.columns]
    longest = max(len(synonyms) for _, synonyms in names)
    return [
        [(canonical, synonyms[rank]) for canonical, synonyms in names if rank < len(synonyms)]
        for rank in range(longest)
    ]


def _normalized(name: str) -> str:
    return _NOT_WORD.sub("", name.lower().replace("ё", "е"))
