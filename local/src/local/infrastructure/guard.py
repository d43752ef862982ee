"""Ends the process groups of a supervisor that is gone, even after kill -9; runs as a process of its own.

Linux signals direct children when their parent dies. This also reaches their children and hung ones, on any system.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

_GRACE_SECONDS = 10.0
_DONE = "done"


class Guard:
    """The supervisor's end: a pipe that breaks when the supervisor dies."""

    def __init__(self, grace_seconds: float = _GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.infrastructure.guard", str(self._grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(_DONE)
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def watch(self, name: str, pid: int, number: signal.Signals = signal.SIGTERM) -> None:
        """`pid` leads its process group and is asked to end with `number`; it replaces an earlier one of that name."""
        self._tell(f"{name.replace(' ', '-')} {pid} {int(number)}")

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


def groups_to_end(lines: Iterable[str]) -> dict[int, signal.Signals]:
    """What was last watched under each name; nothing after a proper goodbye."""
    watched: dict[str, tuple[int, signal.Signals]] = {}
    for line in lines:
        words = line.split()
        if words == [_DONE]:
            return {}
        if len(words) == 3:
            watched[words[0]] = (int(words[1]), signal.Signals(int(words[2])))
    return dict(watched.values())


def end(groups: Mapping[int, signal.Signals], grace_seconds: float) -> None:
    for leader, number in groups.items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, number)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(_exists(leader) for leader in groups):
        time.sleep(0.1)
    for leader in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)


def _exists(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(groups_to_end(sys.stdin), float(sys.argv[1]))


if __name__ == "__main__":
    main()
