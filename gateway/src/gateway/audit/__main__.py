"""Verifies an NDJSON export of the audit trail, without a database.

python -m gateway.audit FILE          # `-` reads the standard input; prints one JSON line

Ends with 0 when the chain is intact, 1 when it is broken, 2 when the file is not a whole export. Compare the key ids
with those of the `audit_day_sealed` lines of your logs: an export proves itself only as far as its keys are yours.
"""

import json
import sys
from pathlib import Path
from typing import Any

from gateway.audit.domain.verification import Verification
from gateway.audit.errors import UnreadableExportError
from gateway.audit.service import verify_export


def report(result: Verification) -> dict[str, Any]:
    found = result.first_broken
    return {
        "intact": result.intact,
        "days": result.days,
        "entries": result.entries,
        "seals": result.seals,
        "first_broken": None
        if found is None
        else {
            "id": str(found.id) if found.id is not None else None,
            "day": found.day.isoformat(),
            "sequence": found.sequence,
            "reason": found.reason,
        },
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        raise SystemExit("usage: python -m gateway.audit FILE")
    try:
        if arguments[0] == "-":
            result = verify_export(sys.stdin)
        else:
            with Path(arguments[0]).open(encoding="utf-8", newline="\n") as lines:
                result = verify_export(lines)
    except (OSError, UnicodeDecodeError, UnreadableExportError) as error:
        sys.stderr.write(f"{arguments[0]} cannot be verified: {error}\n")
        return 2
    sys.stdout.write(json.dumps(report(result)) + "\n")
    return 0 if result.intact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
