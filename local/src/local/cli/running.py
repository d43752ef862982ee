"""`procurement run`."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from local.cli.options import DEFAULT_STATE, Language, State, Texts, display_for


class BusName(StrEnum):
    EMBEDDED = "embedded"
    RABBITMQ = "rabbitmq"


Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILES",
        help="Your sales, products, suppliers, stock and purchase orders: CSV, plain or gzip; the columns tell which.",
    ),
]


def run(
    files: Files = None,
    state: State = DEFAULT_STATE,
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the main job; the last line is its result as JSON.")
    ] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="Load the data again although the state folder has it.")
    ] = False,
    bus: Annotated[
        BusName, typer.Option("--bus", help="embedded: events travel through PostgreSQL; rabbitmq: a private RabbitMQ.")
    ] = BusName.EMBEDDED,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Port of the gateway. Default: the last one, else 8080."),
    ] = None,
    monitoring: Annotated[
        bool, typer.Option("--monitoring", help="Also start this machine's Prometheus and Alertmanager.")
    ] = False,
    language: Texts = Language.EN,
) -> None:
    """Start everything on this machine, do the main job once, keep serving.

    Without FILES a made-up company is loaded. A second start with the same state folder goes on where the last ended.

    DATABASE_URL, REDIS_URL and BROKER_URL name servers to use instead of private ones.
    """
    # Imported here: the other commands should not wait for database drivers and numpy.
    from local.one_machine import PlatformOptions
    from local.runner import RunOptions
    from local.runner import run as run_everything

    options = RunOptions(
        platform=PlatformOptions(state, bus.value, port, with_monitoring=monitoring),
        files=files or [],
        once=once,
        reload=reload,
        language=language.value,
    )
    result = run_everything(options, os.environ, display_for(as_json=False))
    if result:
        print(json.dumps(result.as_json()), flush=True)
