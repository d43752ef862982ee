"""What people see on the terminal: progress, tables, messages."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.api import Json, Watcher

_REPORT_EVERY_SECONDS = 5.0
_REPEAT_EVERY_SECONDS = 60.0


class Display:
    def __init__(self, console: Console) -> None:
        self.console = console

    def line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def heading(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold", markup=False, highlight=False)

    @contextmanager
    def task(self, title: str) -> Iterator[Watcher]:
        """Progress of one job: a bar on a terminal, now and then a line elsewhere."""
        began = time.monotonic()
        with self._bar(title) if self.console.is_terminal else self._lines(title) as watch:
            yield watch
        self.line(f"{title}: done in {time.monotonic() - began:.1f} s")

    @contextmanager
    def _bar(self, title: str) -> Iterator[Watcher]:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=1.0)

            def watch(job: Json) -> None:
                progress.update(task, completed=float(job.get("progress") or 0), description=_described(title, job))

            yield watch

    @contextmanager
    def _lines(self, title: str) -> Iterator[Watcher]:
        said, said_at = "", time.monotonic()

        def watch(job: Json) -> None:
            nonlocal said, said_at
            text = f"{_described(title, job)}: {float(job.get('progress') or 0):.0%}"
            silence = time.monotonic() - said_at
            if silence >= _REPEAT_EVERY_SECONDS or (silence >= _REPORT_EVERY_SECONDS and text != said):
                said, said_at = text, time.monotonic()
                self.line(text)

        yield watch

    def imports(self, jobs: Sequence[Json]) -> None:
        table = Table("file", "kind", "rows", "applied", "unchanged", "cleaned", "quarantined", box=None)
        for job in jobs:
            counts = job["counts"]
            numbers = [_number(counts.get(name)) for name in ("read", "applied", "unchanged", "cleaned", "quarantined")]
            table.add_row(str(job.get("filename")), str(job["kind"]), *numbers)
        _align_right(table, range(2, 7))
        self.console.print(table)
        rules: dict[str, int] = {}
        for job in jobs:
            for rule, number in (job.get("rules") or {}).items():
                rules[rule] = rules.get(rule, 0) + int(number)
        for rule, number in sorted(rules.items(), key=lambda item: -item[1]):
            self.line(f"  {number:>8,}  {rule.replace('_', ' ')}")

    def accuracy(self, run: Json) -> None:
        accuracy = run.get("accuracy") or {}
        ours, naive = accuracy.get("wape_28"), accuracy.get("naive_wape_28")
        if ours is None or naive is None:
            self.line("Accuracy: not known yet, there is too little history for a backtest.")
            return
        gain = f", {1 - ours / naive:.0%} less error" if naive else ""
        self.line(f"Error over 28 days (WAPE): {ours:.1%}; seasonal naive: {naive:.1%}{gain}")
        models = ", ".join(f"{name} {number}" for name, number in (run.get("models") or {}).items())
        if models:
            self.line(f"Models chosen by backtest: {models}")

    def recommendations(self, items: Sequence[Json], language: str) -> None:
        table = Table("article", "order", "supplier", "value", "order by", "runs out", "why", box=None, pad_edge=False)
        for item in items:
            table.add_row(
                f"{item['sku']} {item.get('name') or ''}".strip(),
                f"{_number(item['quantity'])} {item.get('unit') or ''}".strip(),
                str(item.get("supplier_name") or item.get("supplier") or ""),
                f"{_number(item.get('line_value'), 2)} {item.get('currency') or ''}".strip(),
                str(item.get("order_by") or ""),
                str(item.get("runs_out_on") or "–"),
                reason_of(item, language),
            )
        _align_right(table, (1, 3))
        self.console.print(table)

    def messages(self, items: Sequence[Json]) -> None:
        for item in items:
            self.line(f"[{item['channel']} → {item.get('address', '')}, {item['status']}]")
            for line in str(item.get("text") or "").splitlines():
                self.line(f"    {line}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        self.console.print(table)


def reason_of(item: Mapping[str, Any], language: str) -> str:
    reason = item.get("reason") or {}
    text = str(reason.get(language) or reason.get("en") or "")
    return f"{text} ({item['blocked']})" if item.get("blocked") else text


def _described(title: str, job: Json) -> str:
    return f"{title} ({job['phase']})" if job.get("phase") else title


def _number(value: Any, digits: int = 0) -> str:
    """Whole numbers without decimals, amounts of money with two."""
    if value is None:
        return ""
    number = float(value)
    return f"{number:,.{digits}f}" if digits or number == int(number) else f"{number:,.3f}".rstrip("0")


def _align_right(table: Table, columns: Any) -> None:
    for index in columns:
        table.columns[index].justify = "right"
