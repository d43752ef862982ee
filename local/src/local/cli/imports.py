"""`procurement import`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from local.cli.options import DEFAULT_STATE, AsJson, State, Url, session
from local.files import read_header, recognise
from local.main_job import import_files


class Kind(StrEnum):
    SALES = "sales"
    PRODUCTS = "products"
    SUPPLIERS = "suppliers"
    STOCK = "stock"
    PURCHASE_ORDERS = "purchase-orders"


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="CSV files, plain or gzip.")],
    kind: Annotated[
        Kind | None, typer.Option("--kind", help="What the files hold, when their columns do not tell.")
    ] = None,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Load files and wait; rows that cannot be used are set aside with the reason, and listed."""
    for file in files:
        recognise(file) if kind is None else read_header(file)
    with session(url, state, as_json=as_json) as opened:
        jobs = import_files(opened.api, opened.display, files, kind.value if kind else None)
        opened.answer(jobs)
