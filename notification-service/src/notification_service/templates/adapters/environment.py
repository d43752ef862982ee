"""The sandbox templates run in: values are escaped, a missing one is an error, nothing can be changed."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from jinja2 import PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notification_service.templates.adapters.formats import FILTERS, Formats
from notification_service.templates.domain.markup import printable

_PACKAGE = "notification_service.templates.adapters"
_SUFFIX = ".html.jinja"
_FORMATS = "_formats"


def _filter(name: str) -> Callable[..., str]:
    @pass_context
    def formatted(context: Context, value: Any, *arguments: Any) -> str:
        text: str = getattr(context[_FORMATS], name)(value, *arguments)
        return text

    return formatted


class TemplateFiles:
    """The templates shipped with the package: `texts/<language>/<event name>.html.jinja`."""

    def __init__(self) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=PackageLoader(_PACKAGE, "texts"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {name: _filter(name) for name in FILTERS}

    def render(self, name: str, context: dict[str, Any], formats: Formats) -> str:
        """Lines without trailing white space and at most one empty line in a row."""
        template = self._environment.get_template(f"{formats.language}/{name}{_SUFFIX}")
        text = printable(template.render({**context, _FORMATS: formats}))
        lines = [line.strip() for line in text.strip().split("\n")]
        return "\n".join(line for index, line in enumerate(lines) if line or lines[index - 1])


def sample(name: str) -> str:
    """An example of the event's data, JSON."""
    return (files(_PACKAGE) / "samples" / f"{name}.json").read_text(encoding="utf-8")
