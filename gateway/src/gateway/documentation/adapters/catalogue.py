"""The kinds of problems: `make contracts` collects `catalogue.json` from the code, the words are written by hand."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from gateway.documentation.domain.problems import Bilingual, ProblemKind, slug

_FOLDER = resources.files("gateway.documentation") / "problems"


@cache
def problem_kinds() -> Mapping[str, ProblemKind]:
    """By code. One without words of its own has those of its status; until it is translated, its English title."""
    texts = yaml.safe_load((_FOLDER / "texts.yaml").read_text(encoding="utf-8"))
    listed = json.loads((_FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    return {one["code"]: _kind(one, texts) for one in listed}


@cache
def kinds_by_slug() -> Mapping[str, ProblemKind]:
    return {slug(code): kind for code, kind in problem_kinds().items()}


def _kind(listed: Mapping[str, Any], texts: Mapping[str, Any]) -> ProblemKind:
    code, status = listed["code"], listed["status"]
    general = texts["statuses"].get(status) or texts["statuses"][status // 100 * 100]
    words = {**general, **texts["codes"].get(code, {})}
    return ProblemKind(
        code=code,
        status=status,
        title=Bilingual(listed["title"], texts["titles"].get(code, listed["title"])),
        meaning=Bilingual(**words["meaning"]),
        advice=Bilingual(**words["advice"]),
        services=tuple(listed["services"]),
    )
