"""An independent judge of the fake: aiogram's models of the Bot API, a code base that shares nothing with it.

Every request must be one that aiogram's method class accepts without unknown parameters, and every answer one that its
return type reads without unknown fields.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import aiogram.methods
from aiogram.methods.base import Response
from aiogram.types import InlineKeyboardMarkup
from pydantic import BaseModel, TypeAdapter, ValidationError
from tests.fakes.telegram_state import Call


def violations(calls: Iterable[Call]) -> list[str]:
    return [problem for call in calls for problem in _judge(call)]


def _judge(call: Call) -> Iterator[str]:
    method = getattr(aiogram.methods, call.method[0].upper() + call.method[1:])
    yield from (f"{call.method} request: {problem}" for problem in _request_problems(method, call))
    if call.response is not None:
        yield from (f"{call.method} answer: {problem}" for problem in _answer_problems(method, call))


def _request_problems(method: Any, call: Call) -> Iterator[str]:
    values = call.params | {name: f"attach://{name}" for name in call.files if name in method.model_fields}
    attached = {str(v).removeprefix("attach://") for v in values.values() if str(v).startswith("attach://")}
    unknown = values.keys() - method.model_fields.keys() - attached
    if unknown:
        yield f"unknown parameters {sorted(unknown)}"
    try:
        method.model_validate({k: v for k, v in values.items() if k in method.model_fields})
        if isinstance(values.get("reply_markup"), dict):
            InlineKeyboardMarkup.model_validate(values["reply_markup"])
    except ValidationError as error:
        yield str(error)


def _answer_problems(method: Any, call: Call) -> Iterator[str]:
    assert call.response is not None
    try:
        answer = Response[Any].model_validate(call.response)
    except ValidationError as error:
        yield str(error)
        return
    if answer.ok:
        try:
            result = TypeAdapter(method.__returning__).validate_python(call.response["result"])
        except ValidationError as error:
            yield str(error)
            return
        yield from (f"unknown field {path}" for path in _unknown_fields(result, "result"))
    elif answer.error_code != call.status or not answer.description:
        yield f"an error needs its HTTP status and a description: {call.response}"


def _unknown_fields(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_fields(item, f"{path}[{index}]")
    elif isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in (value.model_extra or {}))
        for name in type(value).model_fields:
            yield from _unknown_fields(getattr(value, name), f"{path}.{name}")
