"""Every published event, who listens to it, and its recorded schema.

`python -m shared.events.catalogue --write shared/contracts/events` records the schemas and refuses a breaking change;
`--markdown docs/architecture/events.md` writes the page for people; `--check` only tells whether they are current.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from shared.events import data, forecast, monitoring, notification, storage
from shared.events.compatibility import breaking_changes, schema_of
from shared.events.envelope import Event

CONSUMERS: Mapping[type[Event], tuple[str, ...]] = MappingProxyType(
    {
        data.ImportCompletedV1: ("forecast", "notification", "monitoring", "gateway"),
        data.ImportFailedV1: ("forecast", "notification", "monitoring"),
        data.ProductChangedV1: ("gateway",),
        data.StockChangedV1: ("forecast", "gateway"),
        data.PurchaseOrderCreatedV1: ("forecast", "notification", "gateway"),
        data.PurchaseOrderApprovedV1: ("forecast", "notification", "gateway"),
        data.PurchaseOrderOrderedV1: ("forecast", "notification", "gateway"),
        data.PurchaseOrderReceivedV1: ("forecast", "notification", "gateway"),
        data.PurchaseOrderLateV1: ("forecast", "notification", "gateway"),
        data.PurchaseOrderCancelledV1: ("forecast", "notification", "gateway"),
        forecast.RunCompletedV1: ("notification", "storage", "monitoring", "gateway"),
        forecast.RunFailedV1: ("notification", "storage", "monitoring"),
        forecast.RecommendationsPublishedV1: ("notification", "storage", "gateway"),
        forecast.StockoutRiskDetectedV1: ("notification",),
        notification.MessageFailedV1: ("monitoring",),
        monitoring.AlertFiredV1: ("notification",),
        monitoring.AlertResolvedV1: ("notification",),
        storage.ExportCompletedV1: ("notification", "monitoring"),
        storage.BackupCompletedV1: ("notification", "monitoring"),
        storage.BackupVerifiedV1: ("notification", "monitoring"),
        storage.BackupFailedV1: ("notification", "monitoring"),
    }
)
EVENTS: Mapping[str, type[Event]] = MappingProxyType({event.event_type: event for event in CONSUMERS})


def schema_text(event_class: type[Event]) -> str:
    return json.dumps(schema_of(event_class), indent=2, ensure_ascii=False) + "\n"


def schema_files(folder: Path) -> dict[Path, str]:
    return {folder / f"{name}.json": schema_text(event_class) for name, event_class in EVENTS.items()}


def refusals(folder: Path) -> Iterator[str]:
    """Changes that need a new version beside the old one."""
    for path in sorted(folder.glob("*.json")):
        event_class = EVENTS.get(path.stem)
        if event_class is None:
            yield f"{path.stem}: recorded, but no event class has this type any more"
            continue
        recorded = json.loads(path.read_text(encoding="utf-8"))
        yield from (f"{path.stem}{problem}" for problem in breaking_changes(recorded, event_class))


def markdown() -> str:
    rows = [
        f"| `{name}` | {_summary(event_class)} | {', '.join(CONSUMERS[event_class])} | {_fields(event_class)} |"
        for name, event_class in sorted(EVENTS.items())
    ]
    return "\n".join([*_PAGE_HEAD, *rows, ""])


_PAGE_HEAD = (
    "# Events",
    "",
    "Written by `python -m shared.events.catalogue --markdown docs/architecture/events.md`; do not edit.",
    "",
    "CloudEvents 1.0, JSON structured mode; `source` is `/procurement/<owner>`, `subject` the aggregate whose events",
    "stay in order. Type = routing key; queue = `<consumer>.<type>`. A version only ever gains optional fields;",
    "consumers ignore what they do not know.",
    "The schemas are in `shared/contracts/events/`.",
    "",
    "| type | meaning | consumers | data |",
    "|---|---|---|---|",
)


def _summary(event_class: type[Event]) -> str:
    own = vars(event_class).get("__doc__") or ""
    return " ".join(own.split())


def _fields(event_class: type[Event]) -> str:
    return ", ".join(f"`{name}`" for name in event_class.model_fields)


def _write(path: Path, text: str, *, check: bool) -> bool:
    """Return whether the file was already current."""
    current = path.is_file() and path.read_text(encoding="utf-8") == text
    if not current and not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return current


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m shared.events.catalogue", description="Record the event contracts."
    )
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="record the JSON schemas here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table for people here")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is not current")
    options = parser.parse_args(arguments)
    wanted: dict[Path, str] = {}
    if options.write:
        broken = list(refusals(options.write))
        if broken:
            sys.stderr.write(
                "breaking changes, publish a new version beside the old one:\n  " + "\n  ".join(broken) + "\n"
            )
            return 1
        wanted |= schema_files(options.write)
    if options.markdown:
        wanted[options.markdown] = markdown()
    stale = [path for path, text in wanted.items() if not _write(path, text, check=options.check)]
    for path in stale:
        sys.stdout.write(f"{'stale' if options.check else 'written'}: {path}\n")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
