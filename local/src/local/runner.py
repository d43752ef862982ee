"""`procurement run`: starts the platform, does the main job once, keeps serving until it is told to stop."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar

from local.access import ADMINISTRATOR_FILE, credentials
from local.api import Api
from local.connection import Connection
from local.display import Display
from local.files import recognise
from local.infrastructure.state import StateFolder
from local.main_job import URGENT_LINES, MainJob, MainJobResult
from local.one_machine import Platform, PlatformOptions, running_platform
from local.sample.company import make_sample
from local.supervisor import Supervisor

_CHECK_SECONDS = 0.2
_SAMPLE = "sample company"
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RunOptions:
    """`files`: empty for the sample company; `reload`: load although the platform has this data already."""

    platform: PlatformOptions
    files: Sequence[Path] = ()
    once: bool = False
    reload: bool = False
    language: str = "en"


def run(options: RunOptions, user: Mapping[str, str], display: Display) -> MainJobResult | None:
    """The result of the main job with `once`; otherwise None when it was told to stop."""
    began = time.monotonic()
    for file in options.files:
        recognise(file)  # a mistake is better said before anything starts
    with stop_signals(), running_platform(options.platform, user, display) as platform:
        _greet(platform, display, time.monotonic() - began)
        work = _Work(options, platform, display, user, began)
        try:
            result = supervised(platform.supervisor, work.do)
            if options.once:
                return result
            _say_where(platform, display)
            supervised(platform.supervisor, threading.Event().wait)
        except KeyboardInterrupt:
            display.line("Stopping …")
            if options.once:
                raise
    return None


@dataclass(frozen=True)
class _Work:
    options: RunOptions
    platform: Platform
    display: Display
    user: Mapping[str, str]
    began: float

    def do(self) -> MainJobResult | None:
        state, url = self.platform.state, self.platform.url
        with Connection(url, credentials(url, state, self.user)) as connection:
            api = Api(connection)
            wanted = fingerprint(self.options.files)
            is_loaded = state.description().get("loaded") == wanted
            if not self.options.files and state.description().get("loaded"):
                is_loaded = True
            if is_loaded and not self.options.reload and not self.options.once and self._show_latest(api):
                return None
            files = [] if is_loaded and not self.options.reload else self._files(state)
            job = MainJob(
                api=api,
                display=self.display,
                exports=state.exports,
                language=self.options.language,
                files=files,
                began=self.began,
                loaded=lambda: self.platform.remember(loaded=wanted) if files else None,
            )
            return job.run()

    def _files(self, state: StateFolder) -> Sequence[Path]:
        if self.options.files:
            return self.options.files
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        sample = make_sample(state.sample, yesterday)
        dirt = ", ".join(f"{number} × {kind.replace('_', ' ')}" for kind, number in sample.dirt.items())
        self.display.heading("Sample company")
        self.display.line(
            f"{sample.articles} articles, {sample.sales_rows:,} rows of sales over two years up to {yesterday}, "
            f"{sample.open_orders} open orders; dirty on purpose: {dirt}. Files: {state.sample}"
        )
        return sample.files

    def _show_latest(self, api: Api) -> bool:
        """The plan of the last run, when there is one."""
        run = api.latest_run()
        if run is None:
            return False
        self.display.line("The data is loaded already (--reload loads it again). The latest plan:")
        self.display.accuracy(run)
        items = list(api.recommendations(plan_id=run.get("plan_id")))
        self.display.recommendations(items[:URGENT_LINES], self.options.language)
        return True


def fingerprint(files: Sequence[Path]) -> str:
    """Tells one set of files from another without reading them."""
    if not files:
        return _SAMPLE
    digest = hashlib.sha256()
    for path in sorted(each.resolve() for each in files):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def supervised(supervisor: Supervisor, work: Callable[[], _Result]) -> _Result:
    """Does `work` in a thread while the supervisor looks after the processes in this one, the main thread."""
    done: Future[_Result] = Future()

    def attempt() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # handed to the main thread
            done.set_exception(error)

    threading.Thread(target=attempt, name="main-job", daemon=True).start()
    while not done.done():
        supervisor.check()
        time.sleep(_CHECK_SECONDS)
    return done.result()


def _greet(platform: Platform, display: Display, seconds: float) -> None:
    sources = platform.state.description()["sources"]
    display.line(f"Ready after {seconds:.1f} s: {platform.url} ({'; '.join(sources.values())})")
    if platform.is_new:
        email, password = platform.administrator
        display.line(f"First administrator: {email}   password: {password}")
        display.line(f"(shown once; kept in {platform.state.secrets / ADMINISTRATOR_FILE}, readable by you only)")


def _say_where(platform: Platform, display: Display) -> None:
    display.heading("Serving until Ctrl-C")
    addresses = {"API and documentation": f"{platform.url}/docs", **platform.links}
    for name, address in addresses.items():
        display.line(f"  {name}: {address}")
    display.line(f"  files: {platform.state.exports}   logs: {platform.state.logs}")
    display.line("  try: procurement recommendations · procurement explain SKU · procurement status")


@contextmanager
def stop_signals() -> Iterator[None]:
    """SIGTERM stops like Ctrl-C; a second signal leaves at once, and the guard ends what still runs."""
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if received:
            os._exit(130)
        received.append(number)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
