"""Writes a service's OpenAPI document.

python -m shared.web.openapi data_service > data-service/openapi.json
"""

import importlib
import json
import sys

from shared.settings import ServiceSettings


def document(package: str) -> str:
    """Built without a database: the routes alone decide the document."""
    settings_class: type[ServiceSettings] = importlib.import_module(f"{package}.settings").Settings
    settings = settings_class(database_url="postgresql://nobody@127.0.0.1:1/none")
    app = importlib.import_module(f"{package}.app").create_app(settings)
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m shared.web.openapi PACKAGE")
    sys.stdout.write(document(sys.argv[1]))


if __name__ == "__main__":
    main()
