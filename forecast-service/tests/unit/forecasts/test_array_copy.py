import struct

import numpy as np
import pytest

from forecast_service.forecasts.domain.array_copy import (
    HEADER,
    TRAILER,
    array_fields,
    float_field,
    read_arrays,
    rows_of,
    text_field,
)


def test_arrays_come_back_as_they_were() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(7, 28)).astype(np.float32), random.normal(size=(7, 3)).astype(np.float32)
    copied = HEADER + rows_of([array_fields(first), array_fields(second)]) + TRAILER
    for found, expected in zip(read_arrays(copied, (28, 3)), (first, second), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_arrays_of_another_length_are_refused() -> None:
    copied = HEADER + rows_of([array_fields(np.ones((3, 5), dtype=np.float32))]) + TRAILER
    with pytest.raises(ValueError, match="length"):
        read_arrays(copied, (4,))


def test_no_rows_are_no_rows() -> None:
    assert read_arrays(HEADER + TRAILER, (28,))[0].shape == (0, 28)


def test_fields_carry_their_length() -> None:
    assert text_field("Жук") == struct.pack(">i", 6) + "Жук".encode()
    assert float_field(1.5) == struct.pack(">if", 4, 1.5)
