import importlib
import json
import pkgutil
from pathlib import Path
from typing import ClassVar

import pytest
from jsonschema import Draft202012Validator

import shared.events
from shared.events.catalogue import CONSUMERS, EVENTS, main, markdown, refusals, schema_text
from shared.events.envelope import Event

CONTRACTS = Path(__file__).parents[3] / "contracts" / "events"
OWNERS = {"gateway", "data", "forecast", "notification", "monitoring", "storage"}


def leaves(event_class: type[Event]) -> set[type[Event]]:
    own = {event_class} if "event_type" in vars(event_class) else set()
    return own.union(*(leaves(child) for child in event_class.__subclasses__()))


def test_every_event_class_is_in_the_catalogue():
    for module in pkgutil.iter_modules(shared.events.__path__):
        importlib.import_module(f"shared.events.{module.name}")
    declared = {event for event in leaves(Event) if event.__module__.startswith("shared.events.")}
    assert declared == set(EVENTS.values())


@pytest.mark.parametrize("event_class", EVENTS.values(), ids=EVENTS)
def test_an_event_lives_in_its_owners_module_under_a_name_that_says_its_version(event_class):
    owner, *_, version = event_class.event_type.split(".")
    assert event_class.__module__ == f"shared.events.{owner}"
    assert event_class.__name__.endswith(version.upper())


@pytest.mark.parametrize("event_class", EVENTS.values(), ids=EVENTS)
def test_consumers_are_other_services(event_class):
    consumers = CONSUMERS[event_class]
    assert consumers
    assert set(consumers) <= OWNERS - {event_class.owner()}
    assert len(set(consumers)) == len(consumers)


@pytest.mark.parametrize("event_class", EVENTS.values(), ids=EVENTS)
def test_the_recorded_schema_is_current_and_a_valid_schema(event_class):
    recorded = (CONTRACTS / f"{event_class.event_type}.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(recorded))
    assert recorded == schema_text(event_class), "run python -m shared.events.catalogue --write shared/contracts/events"


def test_no_recorded_event_is_broken_or_gone():
    assert list(refusals(CONTRACTS)) == []


def test_the_page_names_every_event_with_its_consumers():
    page = markdown()
    for name, event_class in EVENTS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert ", ".join(CONSUMERS[event_class]) in row


def test_writing_then_checking_is_clean_and_a_changed_file_is_noticed(tmp_path, capsys):
    folder, page = tmp_path / "events", tmp_path / "events.md"
    arguments = ["--write", str(folder), "--markdown", str(page)]
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0
    page.write_text("old")
    assert main([*arguments, "--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert page.read_text() == "old"


def test_a_breaking_change_is_not_recorded(tmp_path, capsys):
    main(["--write", str(tmp_path)])
    path = tmp_path / "storage.backup.failed.v1.json"
    recorded = json.loads(path.read_text())
    recorded["properties"]["promised"] = {"type": "string"}
    path.write_text(json.dumps(recorded))
    assert main(["--write", str(tmp_path)]) == 1
    assert "storage.backup.failed.v1/promised: removed or renamed" in capsys.readouterr().err
    assert json.loads(path.read_text()) == recorded


def test_a_recorded_type_without_a_class_is_refused(tmp_path):
    class Gone(Event):
        event_type: ClassVar[str] = "data.product.vanished.v1"

    (tmp_path / "data.product.vanished.v1.json").write_text(schema_text(Gone))
    assert list(refusals(tmp_path)) == ["data.product.vanished.v1: recorded, but no event class has this type any more"]
