"""Entry of the command `procurement`: its commands, and errors as exit codes."""

import sys

import typer

from local.cli import backups, exports, imports, planning, running, status, users
from local.errors import LocalError

EXIT_CODES = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 already running · 4 platform not reachable · 5 not allowed.\n\n"
    "Who you are: PROCUREMENT_API_KEY, or PROCUREMENT_EMAIL with PROCUREMENT_PASSWORD, or the administrator of --state."
)

app = typer.Typer(
    name="procurement",
    help="Forecasts demand and says what to order today, from whom, how much, and why.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(running.run)
app.command("import")(imports.import_)
app.command("plan")(planning.plan)
app.command("recommendations")(planning.recommendations)
app.command("explain")(planning.explain)
app.command("export")(exports.export)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("status")(status.status)
app.add_typer(users.app, name="users")


def main() -> None:
    try:
        app()
    except LocalError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
