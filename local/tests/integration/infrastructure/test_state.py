"""The state folder: one owner at a time, whole files, private secrets."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import AlreadyRunningError
from local.infrastructure.state import StateFolder, secret

HOLD = (
    "import sys; from pathlib import Path; from local.infrastructure.state import StateFolder\n"
    "with StateFolder(Path(sys.argv[1])).locked(): print('held', flush=True); sys.stdin.read()"
)


def test_a_second_owner_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        state.describe({"url": "http://127.0.0.1:8080"})
        with pytest.raises(AlreadyRunningError, match=r"127\.0\.0\.1:8080") as refusal, state.locked():
            pass
        holder.kill()
    assert refusal.value.exit_code == 3
    with state.locked():  # a killed owner holds nothing
        assert state.description() == {"url": "http://127.0.0.1:8080"}


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = secret(tmp_path, "word")
    assert secret(tmp_path, "word") == first
    assert secret(tmp_path, "another") != first
    assert stat.S_IMODE((tmp_path / "secrets" / "word").stat().st_mode) == 0o600


def test_describing_replaces_the_whole_file_and_leaves_no_other(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.describe({"a": 1, "b": 2})
    state.describe({"a": 3})
    assert state.description() == {"a": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
