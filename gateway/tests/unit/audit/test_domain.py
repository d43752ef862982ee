"""What the trail keeps of an entry, how the chain is encoded, and that a flood of denials is counted, not kept."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.domain.chain import GENESIS, DayEnd, Link, Number, Seal, canonical_json, thumbprint
from gateway.audit.domain.entries import MASK, Actor, DenialQueue, Entry, Origin, cleaned, words_of
from gateway.authentication.adapters.keys import key_id


def entry(**given: Any) -> Entry:
    values: dict[str, Any] = {"action": "a.b", "succeeded": True, "origin": Origin("192.0.2.1", "r")}
    return Entry(**values | given)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "Password",
        "newPassword",
        "token",
        "refresh_token",
        "tokens",
        "client_secret",
        "key",
        "api_key",
        "apiKey",
        "X-API-Key",
        "authorization",
        "Set-Cookie",
        "credentials",
        "passphrase",
        "otp",
        "secrets",
    ],
)
def test_values_under_secret_names_are_masked(name: str) -> None:
    details = {name: "hunter2", "nested": {name: ["hunter2"], "list": [{name: 12345}]}}
    kept = cleaned(entry(details=details)).details
    assert "hunter2" not in str(kept)
    assert "12345" not in str(kept)
    assert kept[name] == MASK


def test_what_only_tells_about_a_secret_is_kept() -> None:
    details = {"password_changed": True, "key_prefix": "pk_12", "monkey": "x", "token_count": 3, "secret": None}
    assert cleaned(entry(details=details)).details == details


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    text = f"before {secret} after"
    kept = cleaned(entry(target=text, details={"note": text}, actor=Actor("user", "1", text)))
    assert secret not in str(kept)
    assert kept.target == f"before {MASK} after"


def test_nothing_kept_can_pass_for_another_line() -> None:
    hostile = 'x\r\n{"event": "login.succeeded"}\x00\x1b[2J\u2028\u202e\ud800\x85'
    kept = cleaned(
        entry(
            action=hostile,
            target=hostile,
            origin=Origin(hostile, hostile),
            actor=Actor(hostile, hostile, hostile, hostile),
            details={hostile: [hostile]},
        )
    )
    text = "".join([kept.action, str(kept.target), kept.origin.address, str(kept.actor), str(kept.details)])
    assert not set(text) & set("\r\n\x00\x1b\u2028\u202e\ud800\x85")
    assert kept.target == 'x\\u000d\\u000a{"event": "login.succeeded"}\\u0000\\u001b[2J\\u2028\\u202e\\ud800\\u0085'


def test_long_and_deep_values_are_cut() -> None:
    deep: Any = "bottom"
    for _ in range(50):
        deep = {"inner": deep}
    kept = cleaned(entry(target="x" * 10_000, details={"deep": deep, "number": 1.5, "day": date(2026, 1, 2)}))
    assert len(kept.target or "") == 2000
    assert "bottom" not in str(kept.details)
    assert (kept.details["number"], kept.details["day"]) == ("1.5", "2026-01-02")


LINK = Link(
    id=UUID(int=1),
    day=date(2026, 11, 22),
    sequence=1,
    previous_hash=GENESIS,
    hash=b"",
    occurred_at=datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC),
    action="user.created",
    succeeded=True,
    actor_kind=None,
    actor_id="",
    actor_name="-",
    acting_service=None,
    target="ü",
    address="192.0.2.1",
    request_id=None,
    details="{}",
)


def test_the_encoding_stays_what_it_was() -> None:
    """A change would break every trail there is: it needs a new version beside this one."""
    assert LINK.computed_hash().hex() == "e9326b3b299953af9f86b31b25aaa1f9666db023f358662ff023dcf441e3ed39"


@pytest.mark.parametrize(
    "other",
    [
        {"actor_id": None},
        {"actor_id": "-", "actor_name": ""},
        {"target": "", "address": "ü192.0.2.1"},
        {"target": "ü9:192.0.2.1-"},
        {"request_id": "-"},
        {"occurred_at": datetime(2026, 11, 22, 1, 2, 3, 456790, tzinfo=UTC)},
        {"succeeded": False},
    ],
)
def test_no_two_entries_have_the_same_encoding(other: Any) -> None:
    assert replace(LINK, **other).computed_hash() != LINK.computed_hash()


def test_numbers_keep_their_form_and_keys_are_ordered_as_the_store_orders_them() -> None:
    text = '{"b": 1.50, "a": 1E400, "aa": [true, null, "\\u00e9\\n"], "é": -0}'
    value = json.loads(text, parse_int=Number, parse_float=Number)
    assert canonical_json(value) == '{"a": 1E400, "b": 1.50, "aa": [true, null, "é\\n"], "é": -0}'


def test_a_seal_is_genuine_only_with_its_own_key_and_words() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    end = DayEnd(date(2026, 11, 22), 3, b"x" * 32)
    seal = Seal(end, thumbprint(public), key.sign(end.signed_bytes()))
    assert thumbprint(public) == key_id(key.public_key())
    assert seal.is_genuine(public)
    assert not seal.is_genuine(None)
    assert not seal.is_genuine(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    assert not replace(seal, end=replace(end, entries=2)).is_genuine(public)
    assert not replace(seal, signature=b"").is_genuine(public)


def test_words_of_a_text_are_those_of_the_index() -> None:
    assert words_of("GET /api/v1/Users?x=1 Иван") == ("get", "api", "v1", "users", "x", "1", "иван")
    assert words_of("' & | ! :* _") == ()


def test_the_queue_keeps_the_first_and_counts_the_rest() -> None:
    queue = DenialQueue(capacity=2)
    entries = [entry(action=f"e{number}") for number in range(5)]
    assert [queue.put(one) for one in entries] == [True, True, False, False, False]
    assert queue.drain() == (entries[:2], 3)
    assert queue.drain() == ([], 0)
    assert queue.put(entries[4])
