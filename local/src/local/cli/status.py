"""`procurement status`."""

import typer

from local.cli.options import DEFAULT_STATE, AsJson, State, Url, session


def status(url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Show how the services and their infrastructure are; exit code 1 when something is down."""
    with session(url, state, as_json=as_json) as opened:
        report = opened.api.status()
        targets = report.get("targets") or []
        if not as_json:
            opened.display.line(
                f"{opened.api.url}: {report.get('overall')}, open incidents: {report.get('open_incidents')}"
            )
            columns = ("name", "kind", "status", "since", "error")
            opened.display.table(columns, [[each.get(name) for name in columns] for each in targets])
        opened.answer(report)
        if any(each.get("status") == "down" for each in targets):
            raise typer.Exit(1)
