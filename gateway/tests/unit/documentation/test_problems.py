"""The pages about problems: complete, in both languages, and nothing in them is taken for markup."""

import json

import pytest
import yaml

from gateway.documentation.adapters.catalogue import _FOLDER, kinds_by_slug, problem_kinds
from gateway.documentation.adapters.problem_pages import problem_list, problem_page
from gateway.documentation.domain.problems import (
    Bilingual,
    ProblemKind,
    preferred_language,
    prefers_json,
    problem_example,
)
from shared.web.problems import Problem, problem_document


def test_every_code_has_a_title_in_both_languages_and_its_status_has_words() -> None:
    texts = yaml.safe_load((_FOLDER / "texts.yaml").read_text(encoding="utf-8"))
    kinds = problem_kinds()
    assert len(kinds) > 100
    assert not set(kinds) - set(texts["titles"]), "add them to problems/texts.yaml"
    assert not set(texts["titles"]) - set(kinds), "no longer given by anybody"
    assert not {kind.status for kind in kinds.values()} - set(texts["statuses"])
    assert not set(texts["codes"]) - set(kinds)


def test_the_address_of_a_page_is_the_type_of_the_problem() -> None:
    for code, kind in problem_kinds().items():
        document = problem_document(status=kind.status, code=code, title="t", detail="d", instance="/")
        assert document["type"] == kind.page
        assert kinds_by_slug()[document["type"].removeprefix("/problems/")] is kind


def test_every_page_shows_code_words_and_a_real_example() -> None:
    for kind in problem_kinds().values():
        for language in ("en", "ru"):
            page = problem_page(kind, language)
            assert f"<code>{kind.code}</code>" in page
            assert f'lang="{language}"' in page
        assert page.count("<h2>") == 3
    for kind in problem_kinds().values():
        Problem.model_validate(json.loads(json.dumps(problem_example(kind))))


def test_nothing_is_taken_for_markup() -> None:
    hostile = Bilingual("<script>x</script> `<b>`", "<i>")
    kind = ProblemKind("a_b", 400, hostile, hostile, hostile, ("<s>",))
    page = problem_page(kind, "en") + problem_list([kind], "en")
    assert "<script>" not in page
    assert "<s>" not in page
    assert "<code>&lt;b&gt;</code>" in page


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ru", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-US,en;q=0.9,ru;q=0.8", "en"),
        ("en;q=0.5, ru;q=0.7", "ru"),
        ("de, ru;q=0.1", "ru"),
        ("ru;q=0, en", "en"),
        ("ru;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_one_the_reader_prefers(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", True),
        ("application/problem+json, */*", True),
        ("text/html,application/json;q=0.9", False),
    ],
)
def test_programs_get_json_and_browsers_a_page(accept: str | None, is_json: bool) -> None:
    assert prefers_json(accept) is is_json
