"""Every generated example is valid against its schema: made-up ones and those of all services."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.documentation.domain.examples import NoExampleError, example_of

ROOT = Path(__file__).resolve().parents[4]
DOCUMENTS = sorted(ROOT.glob("*/openapi.json"))


def check(example: Any, schema: Any, schemas: Any) -> None:
    Draft202012Validator({**schema, "components": {"schemas": schemas}}).validate(example)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "minLength": 40},
        {"type": "string", "maxLength": 3},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"},
        {"type": "string", "format": "uuid"},
        {"type": "integer", "minimum": 100},
        {"type": "integer", "exclusiveMinimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 0, "maximum": 0.001},
        {"type": "integer", "multipleOf": 7},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
        {"enum": ["a", "b"]},
        {"const": 5},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "null"}, {"type": "integer"}]},
        {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"$ref": "#/components/schemas/Node"},
        {},
    ],
)
def test_an_example_is_valid(schema: dict[str, Any]) -> None:
    schemas = {
        "Node": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
            },
        }
    }
    check(example_of(schema, schemas), schema, schemas)


@given(low=st.integers(-1000, 1000), width=st.integers(0, 1000), least=st.integers(0, 60), more=st.integers(0, 60))
def test_bounds_are_kept(low: int, width: int, least: int, more: int) -> None:
    number = {"type": "integer", "minimum": low, "maximum": low + width}
    text = {"type": "string", "minLength": least, "maxLength": least + more}
    check(example_of(number, {}), number, {})
    check(example_of(text, {}), text, {})


def test_what_cannot_be_made_is_said_and_not_invented() -> None:
    for impossible in (False, {"type": "integer", "minimum": 2, "maximum": 1}, {"type": "string", "pattern": "^§§§$"}):
        with pytest.raises(NoExampleError):
            example_of(impossible, {})
    endless = {"A": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/A"}}}}
    with pytest.raises(NoExampleError):
        example_of({"$ref": "#/components/schemas/A"}, endless)


def schemas_of(document: Path) -> Iterator[tuple[str, Any, Any]]:
    schemas = json.loads(document.read_text(encoding="utf-8")).get("components", {}).get("schemas", {})
    for name, schema in schemas.items():
        yield name, schema, schemas


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_every_schema_of_every_service_has_a_valid_example(document: Path) -> None:
    assert len(DOCUMENTS) == 6
    for name, schema, schemas in schemas_of(document):
        try:
            check(example_of(schema, schemas, name), schema, schemas)
        except Exception as error:
            raise AssertionError(f"{document.parent.name}: {name}") from error
