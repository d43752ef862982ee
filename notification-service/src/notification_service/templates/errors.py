"""Expected failures of templates."""

from typing import ClassVar

from shared.errors import InvalidInputError, NotFoundError


class TemplateNotFoundError(NotFoundError):
    code: ClassVar[str] = "template_not_found"
    title: ClassVar[str] = "No such template"


class TemplateDataError(InvalidInputError):
    code: ClassVar[str] = "template_data_invalid"
    title: ClassVar[str] = "The data does not fit the event"
