"""Computes one run in a process of its own, so that its memory goes back to the system with it.

    python -m forecast_service.forecasts FOLDER

Reads the folder's demand and options, writes the result there, and one JSON line per progress step to standard output.
Ends at once when standard input is closed: then the worker is gone.
"""

import json
import os
import sys
import threading
from pathlib import Path

import pyarrow as pa

from forecast_service.forecasts.adapters.workspace import Workspace
from forecast_service.forecasts.domain.outcome import outcome_of
from forecast_service.forecasts.domain.panel import DemandFormatError, NoDemandRowsError, build_panel


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m forecast_service.forecasts FOLDER")
    threading.Thread(target=_end_with_worker, daemon=True).start()
    workspace = Workspace(Path(sys.argv[1]))
    try:
        panel = build_panel(workspace.demand_batches())
    except NoDemandRowsError as error:
        workspace.write_problem("no_demand", str(error))
        raise SystemExit(1) from error
    except (DemandFormatError, pa.ArrowException, OSError) as error:
        workspace.write_problem("unreadable_demand", str(error))
        raise SystemExit(1) from error
    # The numerical libraries take seconds to load: not before there is something to compute.
    from forecast_service.forecasts.domain.engine import run_forecast

    result = run_forecast(panel, workspace.read_options(), _report)
    workspace.write_result(panel, result, outcome_of(panel, result))


def _report(phase: str, progress: float) -> None:
    sys.stdout.write(json.dumps({"phase": phase, "progress": round(progress, 4)}) + "\n")
    sys.stdout.flush()


def _end_with_worker() -> None:
    # The buffered reader would hold its lock when the interpreter ends, which is fatal.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(2)


if __name__ == "__main__":
    main()
