"""`procurement plan`, `recommendations` and `explain`."""

import itertools
from typing import Annotated, Any

import typer

from local.api import Json
from local.cli.options import DEFAULT_STATE, AsJson, Language, Session, State, Texts, Url, session
from local.display import reason_of
from local.errors import LocalError
from local.main_job import URGENT_LINES
from local.main_job import plan as make_plan

_COUNT = typer.Option("--limit", min=1, help="How many lines to show.")


def plan(
    horizon_days: Annotated[int | None, typer.Option("--horizon-days", min=1, help="How far to forecast.")] = None,
    limit: Annotated[int, _COUNT] = URGENT_LINES,
    language: Texts = Language.EN,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Forecast demand and work out what to order; waits for the result."""
    with session(url, state, as_json=as_json) as opened:
        run = make_plan(opened.api, opened.display, horizon_days)
        opened.display.accuracy(run)
        items = list(
            itertools.islice(opened.api.recommendations(plan_id=run["plan_id"], limit=min(limit, 1000)), limit)
        )
        opened.display.recommendations(items, language.value)
        opened.answer({"run": run, "recommendations": items})


def recommendations(
    status: Annotated[str | None, typer.Option("--status", help="proposed, approved, rejected, …")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", help="Code of a supplier.")] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="One article.")] = None,
    limit: Annotated[int, _COUNT] = 20,
    language: Texts = Language.EN,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """What to order today by the latest plan, most urgent first, with the reason."""
    with session(url, state, as_json=as_json) as opened:
        filters = {"status": status, "supplier": supplier, "sku": sku}
        items = list(itertools.islice(opened.api.recommendations(limit=min(limit, 1000), **filters), limit))
        if not as_json:
            opened.display.recommendations(items, language.value)
            if not items:
                opened.display.line("Nothing to order by the latest plan and these filters.")
        opened.answer(items)


def explain(
    sku: Annotated[str, typer.Argument(help="The article.")],
    warehouse: Annotated[str | None, typer.Option("--warehouse", help="Only this warehouse.")] = None,
    language: Texts = Language.EN,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Show step by step why so much of an article is to be ordered, from the numbers it was worked out with."""
    with session(url, state, as_json=as_json) as opened:
        lines = [each for each in opened.api.recommendations(sku=sku) if warehouse in {None, each.get("warehouse")}]
        if not lines:
            raise LocalError(f"The latest plan has no line for {sku}: nothing to order, or no such article.")
        explained = [{"recommendation": line, "explanation": opened.api.explanation(line["id"])} for line in lines]
        if not as_json:
            for each in explained:
                _show(opened, each["recommendation"], each["explanation"], language.value)
        opened.answer(explained)


def _show(opened: Session, line: Json, explanation: Json, language: str) -> None:
    where = f" at {line['warehouse']}" if line.get("warehouse") else ""
    opened.display.heading(f"{line['sku']} {line.get('name') or ''}{where}")
    opened.display.line(_in(explanation.get("text"), language) or reason_of(line, language))
    rows = [
        [_in(step.get("label"), language) or step.get("code"), _value(step.get("value"))]
        for step in explanation["steps"]
    ]
    opened.display.table(["step", "value"], rows)
    opened.display.line(f"Worked out again from its inputs: {_value(explanation.get('replayed_quantity'))}")


def _in(texts: Any, language: str) -> str:
    return str(texts.get(language) or texts.get("en") or "") if isinstance(texts, dict) else str(texts or "")


def _value(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) and not value.is_integer() else str(value)
