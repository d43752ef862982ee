"""The key file read again: who signs, who verifies, and a file that cannot be used."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.authentication.adapters.keys import KeyFile, KeyRing, SigningKeyError, key_id, load_signing_keys
from gateway.resources import SigningKeys

OLD, NEW, NEWER = (Ed25519PrivateKey.generate() for _ in range(3))
NAMES = {key_id(key.public_key()): name for key, name in ((OLD, "old"), (NEW, "new"), (NEWER, "newer"))}


class Rotation:
    """A file that begins with the old key, and what is in force after reading it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(OLD)
        self.keys = SigningKeys(load_signing_keys(path, required=True))
        self.ring = KeyRing(self.keys)
        self.file = KeyFile(path, self.keys, settle_seconds=15)

    def write(self, *keys: Ed25519PrivateKey) -> None:
        pems = (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for key in keys)
        self.path.write_bytes(b"".join(pems))

    def after(self, now: float) -> tuple[bool, list[str]]:
        """Whether something changed, and the keys in force, the one that signs first."""
        return self.file.read(now), [NAMES[kid] for kid in self.ring.public_keys]


@pytest.fixture
def rotation(tmp_path: Path) -> Rotation:
    return Rotation(tmp_path / "keys.pem")


def test_an_unchanged_file_changes_nothing(rotation: Rotation) -> None:
    assert rotation.after(0) == (False, ["old"])


def test_a_new_first_key_verifies_at_once_and_signs_when_everybody_knows_it(rotation: Rotation) -> None:
    rotation.write(NEW, OLD)
    assert rotation.after(0) == (True, ["old", "new"])
    assert rotation.after(14.9) == (False, ["old", "new"])
    assert rotation.after(15) == (True, ["new", "old"])
    assert rotation.ring.signing_key[1] is rotation.keys.current[0]
    rotation.write(NEW)
    assert rotation.after(20) == (True, ["new"])


def test_a_key_announced_in_second_place_signs_as_soon_as_it_comes_first(rotation: Rotation) -> None:
    rotation.write(OLD, NEW)
    assert rotation.after(0) == (True, ["old", "new"])
    rotation.write(NEW, OLD)
    assert rotation.after(60) == (True, ["new", "old"])


def test_when_the_signing_key_is_gone_the_new_one_signs_at_once(rotation: Rotation) -> None:
    rotation.write(NEW)
    assert rotation.after(0) == (True, ["new"])


def test_a_key_that_went_and_came_back_settles_again(rotation: Rotation) -> None:
    rotation.write(NEW, OLD)
    rotation.after(0)
    rotation.write(OLD)
    assert rotation.after(5) == (True, ["old"])
    rotation.write(NEW, OLD)
    assert rotation.after(16) == (True, ["old", "new"])
    assert rotation.after(31) == (True, ["new", "old"])


def test_two_new_keys_at_once_sign_in_their_order(rotation: Rotation) -> None:
    rotation.write(NEWER, NEW, OLD)
    assert rotation.after(0) == (True, ["old", "newer", "new"])
    assert rotation.after(15) == (True, ["newer", "new", "old"])


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n"])
def test_a_file_that_cannot_be_used_leaves_the_last_good_keys(content: bytes, rotation: Rotation) -> None:
    rotation.write(NEW, OLD)
    rotation.after(0)
    rotation.path.write_bytes(content)
    with pytest.raises(SigningKeyError):
        rotation.file.read(20)
    rotation.path.unlink()
    with pytest.raises(SigningKeyError):
        rotation.file.read(21)
    assert [NAMES[kid] for kid in rotation.ring.public_keys] == ["old", "new"]
