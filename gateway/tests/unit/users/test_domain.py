"""What an address, roles and a password must look like."""

import pytest

from gateway.users.adapters.common_passwords import common_passwords
from gateway.users.domain import BadValueError, checked_email, checked_password, checked_roles


@pytest.mark.parametrize(
    ("given", "stored"),
    [(" A@Example.COM ", "a@example.com"), ("ж@example.com", "ж@example.com"), ("a@localhost", "a@localhost")],
)
def test_an_address_has_one_form(given: str, stored: str) -> None:
    assert checked_email(given) == stored


@pytest.mark.parametrize(
    "given",
    ["", "a", "@b", "a@", "a@b c", "a@@b", "a\x00@b.c", "a@b..c", f"{'a' * 65}@b.c", f"a@{'b' * 300}"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadValueError):
        checked_email(given)


@pytest.mark.parametrize(
    "given", ["correct horse battery", "пять слов и точка.", "x9$kqLm2vP", " leading and trailing "]
)
def test_any_long_password_nobody_would_guess_is_taken(given: str) -> None:
    assert checked_password(given, "a@b.c", "A Name", common_passwords()) == given


@pytest.mark.parametrize(
    "given",
    [
        "short",
        "x" * 257,
        "aaaaaaaaaa",
        "Password1234",
        "1234567890",
        "Qwertyuiop!",
        "procurement2026",
        "someone@example.com",
        "someone1234567890",
        "Some.One@Example",
        "Petrova-2026",
        "annapetrova!",
        "petrova anna 1",
        "example2026!!",
        "1Superman1111",
        "QAZWSXEDCRFV",
        "пароль123456",
    ],
)
def test_a_guessable_password_is_refused(given: str) -> None:
    with pytest.raises(BadValueError) as refused:
        checked_password(given, "someone@example.com", "Anna Petrova", common_passwords())
    assert refused.value.field == "password"
    assert given not in refused.value.detail


def test_people_have_roles_of_people() -> None:
    assert checked_roles(frozenset({"admin", "ops"})) == {"admin", "ops"}
    for roles in (set(), {"service"}, {"root", "buyer"}):
        with pytest.raises(BadValueError):
            checked_roles(frozenset(roles))
