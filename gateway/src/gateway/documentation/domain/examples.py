"""Examples made from schemas: the same every time, plausible by name, and always valid against their schema."""

import re
from collections.abc import Mapping
from typing import Any

_MAX_DEPTH = 8
_BY_FORMAT = {
    "uuid": "0197a1c2-7b5e-7c3d-9f10-2a4b6c8d0e1f",
    "date": "2026-11-22",
    "date-time": "2026-11-22T08:30:00Z",
    "time": "08:30:00",
    "email": "anna.petrova@example.com",
    "uri": "https://example.com/",
    "binary": "…",
    "password": "an unguessable sentence",
    "ipv4": "192.0.2.7",
    "duration": "P1D",
}
# By the name of the property, or its last word.
_BY_NAME: Mapping[str, Any] = {
    "email": "anna.petrova@example.com",
    "password": "an unguessable sentence",
    "sku": "TEA-0042",
    "currency": "EUR",
    "language": "en",
    "supplier": "SUP-07",
    "supplier_name": "Nordic Tea",
    "warehouse": "MAIN",
    "code": "SUP-07",
    "name": "Green tea, 100 bags",
    "unit": "piece",
    "quantity": 24,
    "price": "4.50",
    "cost": "2.80",
    "next_cursor": "WyJURUEtMDA0MiJd",
    "cursor": "WyJURUEtMDA0MiJd",
    "address": "192.0.2.7",
    "file_name": "plan.xlsx",
    "filename": "sales.csv",
    "progress": 0.5,
    "title": "No such route",
    "roles": ["buyer"],
}
# For patterns: the first that fits is taken.
_TEXTS = ("text", "TEA-0042", "12.50", "EUR", "en", "1", "2026-11-22", "data:read", "a", "A", "")


class NoExampleError(ValueError):
    """The schema asks for something this generator cannot make."""


def example_of(schema: Any, schemas: Mapping[str, Any], name: str = "") -> Any:
    """`schemas`: what `#/components/schemas/…` leads to. Raises: NoExampleError."""
    return _Maker(schemas).make(schema, name, 0)


class _Maker:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def make(self, schema: Any, name: str, depth: int) -> Any:
        if schema is True or schema == {}:
            return _by_name(name) or "text"
        if not isinstance(schema, Mapping):
            raise NoExampleError(f"{name}: nothing is valid here")
        if depth > _MAX_DEPTH * 3:
            raise NoExampleError(f"{name}: nested without end")
        if "$ref" in schema:
            return self.make(self._schemas[str(schema["$ref"]).rpartition("/")[2]], name, depth + 1)
        for given in ("const", "example"):
            if given in schema:
                return schema[given]
        if schema.get("examples") and isinstance(schema["examples"], list):
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        return self._composed(schema, name, depth)

    def _composed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self._first_possible(options, name, depth)
        if "allOf" in schema:
            parts = [self.make(part, name, depth + 1) for part in schema["allOf"]]
            if all(isinstance(part, dict) for part in parts):
                return {key: value for part in parts for key, value in part.items()}
            return parts[0]
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        return self._typed(kind, schema, name, depth)

    def _first_possible(self, options: list[Any], name: str, depth: int) -> Any:
        """The richest that can be made; null only when there is nothing else."""
        wanted = sorted(options, key=lambda option: isinstance(option, Mapping) and option.get("type") == "null")
        for option in wanted:
            try:
                return self.make(option, name, depth + 1)
            except NoExampleError:
                continue
        raise NoExampleError(f"{name}: none of the alternatives can be made")

    def _typed(self, kind: Any, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in {"integer", "number"}:
            return _number(schema, name, whole=kind == "integer")
        if kind == "string":
            return _string(schema, name)
        if kind == "boolean":
            return bool(schema.get("default", True))
        return None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Optional members too, as long as it is not too deep."""
        required = schema.get("required", ())
        made: dict[str, Any] = {}
        for name, inner in schema.get("properties", {}).items():
            if name not in required and depth > _MAX_DEPTH:
                continue
            try:
                made[name] = self.make(inner, name, depth + 1)
            except NoExampleError:
                if name in required:
                    raise
        extra = schema.get("additionalProperties")
        if not made and isinstance(extra, Mapping):
            key = self.make(schema["propertyNames"], "", depth + 1) if "propertyNames" in schema else "name"
            made[str(key)] = self.make(extra, "", depth + 1)
        return made

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.make(item, name, depth + 1) for item in schema["prefixItems"]]
        least = int(schema.get("minItems", 0))
        if schema.get("maxItems") == 0 or (depth > _MAX_DEPTH and not least):
            return []
        item = self.make(schema.get("items", True), name.removesuffix("s"), depth + 1)
        if schema.get("uniqueItems") and least > 1:
            raise NoExampleError(f"{name}: several different items")
        return [item] * max(1, least)


def _by_name(name: str) -> Any:
    return _BY_NAME.get(name, _BY_NAME.get(name.rpartition("_")[2]))


def _number(schema: Mapping[str, Any], name: str, *, whole: bool) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    named = _by_name(name)
    step = schema.get("multipleOf", 1 if whole else None)
    wanted = [named] if isinstance(named, int | float) else []
    edges = [edge + shift for edge in (low, high) if edge is not None for shift in (0, 1, -1, 0.5, -0.5)]
    middle = [(low + high) / 2] if low is not None and high is not None else []
    for value in [*wanted, 12, 1, 0.5, *middle, *edges, *([step, 0] if step else [])]:
        if (not whole or float(value).is_integer()) and _fits(value, schema):
            return int(value) if whole else value
    raise NoExampleError(f"{name}: no number fits")


def _fits(value: float, schema: Mapping[str, Any]) -> bool:
    step = schema.get("multipleOf")
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        and (step is None or float(value / step).is_integer())
    )


def _string(schema: Mapping[str, Any], name: str) -> str:
    named = _by_name(name)
    default = schema.get("default")
    wanted = [
        *([default] if isinstance(default, str) and default else []),
        *([_BY_FORMAT[schema["format"]]] if schema.get("format") in _BY_FORMAT else []),
        *([named] if isinstance(named, str) else []),
        *_TEXTS,
    ]
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    for text in [*wanted, *(text * (least // len(text) + 1) for text in _TEXTS if text and least)]:
        cut = text if most is None else text[: int(most)]
        if len(cut) >= least and _matches(schema.get("pattern"), cut):
            return cut
    raise NoExampleError(f"{name}: no text fits")


def _matches(pattern: Any, text: str) -> bool:
    try:
        return pattern is None or re.search(str(pattern), text) is not None
    except re.error:
        return False
