import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local import compose_environment

SCRIPT = Path(compose_environment.__file__)
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")


def parsed(text: str) -> dict[str, str]:
    rows = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in rows}


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """As `make up` does, before anything is installed: isolated, no packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *arguments], check=False, stderr=subprocess.PIPE, **options
    )


def test_every_secret_is_long_different_and_new_each_time() -> None:
    first, second = parsed(compose_environment.environment()), parsed(compose_environment.environment())
    names = [name for name in first if SECRET.search(name)]
    assert len(names) > 20
    values = [environment[name] for environment in (first, second) for name in names]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 20 for value in values)


def test_the_signing_key_is_an_ed25519_key() -> None:
    pem = compose_environment.signing_key().replace("\\n", "\n")
    assert isinstance(load_pem_private_key(pem.encode(), password=None), Ed25519PrivateKey)


def test_the_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert run(str(path)).returncode == 0
    before = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run(str(path))
    assert again.returncode == 1
    assert b"never overwritten" in again.stderr
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(("flags", "code"), [(os.O_TRUNC, 0), (os.O_APPEND, 1)])
def test_output_into_a_file_is_private_and_refused_when_it_holds_something(
    tmp_path: Path, flags: int, code: int
) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=old\n", encoding="utf-8")
    with os.fdopen(os.open(path, os.O_WRONLY | flags), "wb") as output:
        assert run(stdout=output).returncode == code
    if code == 0:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    else:
        assert path.read_text(encoding="utf-8") == "POSTGRES_PASSWORD=old\n"


def test_values_need_no_quoting_in_a_url() -> None:
    for name, value in parsed(compose_environment.environment()).items():
        if name.endswith(("_PASSWORD", "_SECRET", "_TOKEN")):
            assert re.fullmatch(r"[A-Za-z0-9_-]+", value), name
