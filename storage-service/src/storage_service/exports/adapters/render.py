"""The renderer process: turns a spooled table into a file, so that the service's event loop stays free.

python -m storage_service.exports.adapters.render DIRECTORY xlsx|csv

Prints the number of rows written so far, one number a line; a failure is one line on standard error and exit code 1.
"""

import sys
from pathlib import Path

from storage_service.exports.adapters.delimited import write_csv
from storage_service.exports.adapters.spool import Spool
from storage_service.exports.adapters.workbook import write_workbook

WRITERS = {"xlsx": write_workbook, "csv": write_csv}


def render(spool: Spool, file_format: str) -> None:
    WRITERS[file_format](spool.read_job(), spool.read_rows(), spool.output_path, _report)


def _report(rows: int) -> None:
    # A parent that died closes the pipe: the write then fails and ends this process too.
    sys.stdout.write(f"{rows}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    directory, file_format = arguments
    try:
        render(Spool(Path(directory)), file_format)
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
