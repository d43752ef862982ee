"""What other features know of the catalogue: codes turned into ids, and what became of a file's rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

UNKNOWN_ID = 0


class UnknownCodes(StrEnum):
    """What happens to a row whose article or supplier is not known; `AUTO` quarantines once a catalogue was loaded."""

    AUTO = "auto"
    CREATE = "create"
    QUARANTINE = "quarantine"


@dataclass
class Applied:
    """What became of the staged rows of one file.

    `applied + unchanged + cleaned` is the number of rows staged; `rules` counts by name what was done to some of them.
    """

    applied: int = 0
    unchanged: int = 0
    cleaned: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    period_start: date | None = None
    period_end: date | None = None


class ProductRow(NamedTuple):
    """One row of a products file; None means "not said", and leaves what is stored."""

    line: int
    fingerprint: int
    sku: str
    name: str | None
    category: str | None
    supplier_id: int | None
    unit: str | None
    pack_size: float | None
    moq: float | None
    cost: float | None
    price: float | None
    currency: str | None
    lead_time_days: float | None


class SupplierRow(NamedTuple):
    """One row of a suppliers file; None means "not said", and leaves what is stored."""

    line: int
    fingerprint: int
    code: str
    name: str | None
    lead_time_days: float | None
    min_order_value: float | None
    currency: str | None
    order_weekdays: list[int] | None


@dataclass(frozen=True)
class Terms:
    supplier: str | None = None
    pack_size: Decimal | None = None
    moq: Decimal | None = None
    cost: Decimal | None = None
    currency: str | None = None
    lead_time_days: int | None = None


@dataclass(frozen=True)
class NewProduct:
    sku: str
    name: str
    category: str | None
    unit: str
    price: Decimal | None
    life_cycle: str
    terms: Terms


def ids_of(codes: pa.DictionaryArray, known: Mapping[str, int]) -> NDArray[np.int32]:
    """The id of each row's code, `UNKNOWN_ID` where there is none; looks every distinct code up once."""
    unique = [known.get(code, UNKNOWN_ID) for code in codes.dictionary.to_pylist()]
    ids: NDArray[np.int32] = np.array(unique, dtype=np.int32)[codes.indices.to_numpy()]
    return ids


def used_codes(codes: pa.DictionaryArray) -> list[str]:
    """Distinct non-empty codes which some row really has; the dictionary may hold those of dropped rows, too."""
    used = codes.indices.unique()
    return sorted({code for code in codes.dictionary.take(used).to_pylist() if code})
