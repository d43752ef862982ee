"""The form of a key."""

import pytest

from gateway.api_keys.domain import hash_of, looks_like_key, new_key


def test_a_new_key_looks_like_one_and_is_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(looks_like_key(key) and key.startswith(f"pk_{prefix}_") for key, prefix in keys)
    assert len({hash_of(key) for key, _ in keys}) == 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pk_",
        "pk_abcdefgh_" + "x" * 42,
        "pk_abcdefgh_" + "x" * 44,
        "PK_abcdefgh_" + "x" * 43,
        "pk_abcdefgh_" + "x" * 42 + "é",
    ],
)
def test_anything_else_does_not(text: str) -> None:
    assert not looks_like_key(text)
