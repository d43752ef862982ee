"""Whether an event class keeps the promise of its recorded schema: a published version only gains optional fields."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.events.envelope import Event

Schema = Mapping[str, Any]
NOTES = frozenset({"title", "description", "default", "examples", "$defs"})


def schema_of(event_class: type[Event]) -> dict[str, Any]:
    """What is recorded: the payload as it is written, where a field with a default is always present."""
    schema = event_class.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": event_class.event_type, **schema}


def breaking_changes(recorded: Schema, event_class: type[Event]) -> list[str]:
    """What would break a consumer of `recorded`, or this class when it reads an event written under `recorded`."""
    written = event_class.model_json_schema(mode="serialization")
    accepted = event_class.model_json_schema(mode="validation")
    return [
        *_compare("", _resolved(recorded), _resolved(written)),
        *_demands("", _resolved(recorded), _resolved(accepted)),
    ]


def _compare(path: str, recorded: Schema, written: Schema) -> Iterator[str]:
    if "properties" not in recorded or "properties" not in written:
        yield from _compare_values(path, recorded, written)
        return
    for name, before in recorded["properties"].items():
        here = f"{path}/{name}"
        if name not in written["properties"]:
            yield f"{here}: removed or renamed"
        else:
            yield from _compare(here, before, written["properties"][name])
    for name in set(recorded.get("required", ())) & set(written["properties"]) - set(written.get("required", ())):
        yield f"{path}/{name}: no longer always written"


def _compare_values(path: str, recorded: Schema, written: Schema) -> Iterator[str]:
    for key in sorted({*recorded, *written}):
        before, after = recorded.get(key), written.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _compare(path or key, before, after)
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                if isinstance(one, dict) and isinstance(other, dict):
                    yield from _compare(path, one, other)
                elif one != other:
                    yield f"{path}: {key} changed from {before} to {after}"
        elif before != after:
            yield f"{path}: {key} changed from {before} to {after}"


def _demands(path: str, recorded: Schema, accepted: Schema) -> Iterator[str]:
    """Fields that this class insists on and that an event written under `recorded` may lack."""
    known = recorded.get("properties", {})
    for name in accepted.get("required", ()):
        if name not in known:
            yield f"{path}/{name}: new and required; give it a default"
    for name, after in accepted.get("properties", {}).items():
        if name in known:
            yield from _demands_of_parts(f"{path}/{name}", known[name], after)


def _demands_of_parts(path: str, before: Schema, after: Schema) -> Iterator[str]:
    yield from _demands(path, before, after)
    for key in ("items", "additionalProperties"):
        if isinstance(before.get(key), dict) and isinstance(after.get(key), dict):
            yield from _demands_of_parts(path, before[key], after[key])
    for one, other in zip(before.get("anyOf", ()), after.get("anyOf", ()), strict=False):
        yield from _demands_of_parts(path, one, other)


def _resolved(schema: Schema) -> dict[str, Any]:
    """Put the definitions in place and drop what only explains."""
    definitions = schema.get("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolve(definitions[node["$ref"].rpartition("/")[2]])
        if "properties" in node:
            fields = {name: resolve(value) for name, value in node["properties"].items()}
            return {"type": "object", "properties": fields, "required": node.get("required", [])}
        return {key: resolve(value) for key, value in node.items() if key not in NOTES and not key.startswith("$")}

    result: dict[str, Any] = resolve(schema)
    return result
