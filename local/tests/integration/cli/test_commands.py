"""The command line as its users meet it: help, results, JSON, messages, exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.access import write_administrator
from local.infrastructure.state import StateFolder

Command = Callable[..., Any]
COMMANDS = [
    ["run"],
    ["import"],
    ["plan"],
    ["recommendations"],
    ["explain"],
    ["export"],
    ["backup"],
    ["restore"],
    ["status"],
    ["users"],
    ["users", "list"],
    ["users", "add"],
    ["users", "disable"],
    ["users", "enable"],
]


@pytest.fixture
def sales(tmp_path: Path) -> str:
    file = tmp_path / "sales.csv"
    file.write_text("date,sku,quantity\n2026-01-01,A0001,1\n")
    return str(file)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(procurement: Command, command: list[str]) -> None:
    done = procurement(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert len(done.stdout.splitlines()) > 8


def test_the_command_is_installed_and_answers_without_loading_the_runner() -> None:
    code = "import sys; import local.cli.main; print(sorted({'alembic', 'numpy', 'asyncpg'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
    command = Path(sys.executable).with_name("procurement")
    assert "Usage" in subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout


def test_the_overview_names_exit_codes_and_who_one_is(procurement: Command) -> None:
    done = procurement("--help")
    assert "4 platform not reachable" in done.stdout
    assert "PROCUREMENT_API_KEY" in done.stdout


def test_import_loads_every_file_after_what_it_refers_to(
    procurement: Command, gateway: Any, sales: str, tmp_path: Path
) -> None:
    products = tmp_path / "products.csv"
    products.write_text("sku,name,supplier\nA0001,Green tea,S01\n")
    done = procurement("import", sales, str(products), "--json")
    assert done.returncode == 0
    assert [job["kind"] for job in json.loads(done.stdout)] == ["products", "sales"]
    assert "below zero" in done.stderr
    sent = [(path, body) for method, path, _, body in gateway.requests if method == "POST" and "imports" in path]
    assert sent == [
        ("/api/v1/data/imports?kind=products&filename=products.csv", products.read_bytes()),
        ("/api/v1/data/imports?kind=sales&filename=sales.csv", Path(sales).read_bytes()),
    ]


def test_plan_shows_accuracy_and_what_to_order(procurement: Command) -> None:
    done = procurement("plan")
    assert done.returncode == 0
    assert "31.0%; seasonal naive: 42.0%, 26% less error" in done.stdout
    assert "A0001 Green tea" in done.stdout
    assert "runs out in 3 days" in done.stdout


def test_recommendations_follow_pages_filter_and_speak_russian(procurement: Command, gateway: Any) -> None:
    done = procurement("recommendations", "--supplier", "S01", "--language", "ru")
    assert [word in done.stdout for word in ("A0001", "A0002", "закончится через 3 дня")] == [True] * 3
    assert "supplier=S01" in gateway.requests[1][1]
    assert [line["id"] for line in json.loads(procurement("recommendations", "--json").stdout)] == ["r1", "r2"]
    assert len(json.loads(procurement("recommendations", "--json", "--limit", "1").stdout)) == 1


def test_explain_shows_the_steps_and_the_number_worked_out_again(procurement: Command) -> None:
    done = procurement("explain", "A0001", "--warehouse", "main")
    assert "Because 27.5 are needed." in done.stdout
    assert "Worked out again from its inputs: 24" in done.stdout
    unknown = procurement("explain", "NONE")
    assert (unknown.returncode, "no line for NONE" in unknown.stderr) == (1, True)


def test_export_downloads_under_the_given_name(procurement: Command, tmp_path: Path) -> None:
    done = procurement("export", "--output", str(tmp_path / "mine.xlsx"), "--json")
    assert (tmp_path / "mine.xlsx").read_bytes() == b"PK workbook"
    assert json.loads(done.stdout)["path"] == str(tmp_path / "mine.xlsx")


def test_a_file_name_from_the_server_cannot_leave_the_folder(
    procurement: Command, gateway: Any, tmp_path: Path
) -> None:
    evil = {"id": "e1", "status": "completed", "file_name": "../../evil.xlsx"}
    gateway.answers["GET /api/v1/storage/exports/e1"] = (200, evil)
    assert procurement("export").returncode == 0
    assert (tmp_path / "evil.xlsx").exists()


def test_backup_and_restore_of_the_latest_usable_one(procurement: Command, gateway: Any) -> None:
    assert "Backup b1 is completed" in procurement("backup").stdout
    assert "verified" in procurement("backup", "--list").stdout
    done = procurement("restore", "--target-database", "restored")
    assert "Restored into the database restored" in done.stdout
    body = next(body for method, path, _, body in gateway.requests if path.endswith("/restorations"))
    assert json.loads(body) == {"target_database": "restored"}


def test_status_fails_when_something_is_down(procurement: Command, gateway: Any) -> None:
    assert procurement("status").returncode == 0
    report = {
        "overall": "down",
        "open_incidents": 1,
        "targets": [{"name": "redis", "status": "down", "error": "refused"}],
    }
    gateway.answers["GET /api/v1/monitoring/status"] = (200, report)
    done = procurement("status")
    assert (done.returncode, "refused" in done.stdout) == (1, True)


def test_users_are_listed_added_and_disabled(procurement: Command, gateway: Any) -> None:
    assert "a@b.c" in procurement("users", "list").stdout
    added = procurement("users", "add", "new@b.c", "--role", "buyer", "--role", "ops")
    body = json.loads(
        next(body for method, path, _, body in gateway.requests if (method, path) == ("POST", "/api/v1/users"))
    )
    assert (body["name"], body["roles"], len(body["password"]) >= 20) == ("new", ["buyer", "ops"], True)
    assert body["password"] in added.stdout
    assert "a@b.c is disabled" in procurement("users", "disable", "A@b.c").stdout
    assert procurement("users", "disable", "none@b.c").returncode == 1


def test_an_api_key_is_sent_instead_of_logging_in(procurement: Command, gateway: Any) -> None:
    assert procurement("status", PROCUREMENT_API_KEY="key-1").returncode == 0
    assert [request[2].get("X-API-Key") for request in gateway.requests] == ["key-1"]


def test_the_local_administrator_is_used_for_the_local_platform_only(
    procurement: Command, gateway: Any, tmp_path: Path
) -> None:
    state = StateFolder(tmp_path / "state")
    write_administrator(state, "boss@b.c", "secret")
    state.describe({"url": gateway.url})
    options = ("status", "--state", str(state.root))
    anonymous = {"PROCUREMENT_EMAIL": "", "PROCUREMENT_PASSWORD": ""}
    assert procurement(*options, PROCUREMENT_URL="", **anonymous).returncode == 0
    assert json.loads(gateway.requests[0][3]) == {"email": "boss@b.c", "password": "secret"}
    gateway.requests.clear()
    procurement(*options, "--url", gateway.url.replace("127.0.0.1", "localhost"), **anonymous)
    assert all("Authorization" not in headers and not body for _, _, headers, body in gateway.requests)


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (404, 1), (409, 1), (422, 1)], ids=str)
def test_a_refusal_is_readable_and_has_its_exit_code(
    procurement: Command, gateway: Any, status: int, code: int
) -> None:
    problem = {
        "title": "Refused",
        "status": status,
        "detail": "Not like this.",
        "errors": [{"pointer": "/a", "detail": "bad"}],
    }
    gateway.answers["GET /api/v1/users"] = (status, problem)
    done = procurement("users", "list", "--json")
    assert done.returncode == code
    assert "Error: Refused: Not like this.\n  /a: bad" in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_wrong_password_is_not_tried_twice(procurement: Command, gateway: Any) -> None:
    gateway.answers["POST /api/v1/auth/login"] = (401, {"title": "Wrong e-mail or password", "status": 401})
    assert procurement("status").returncode == 5
    assert len(gateway.requests) == 1


def test_an_answer_that_is_no_problem_document_is_still_readable(procurement: Command, gateway: Any) -> None:
    gateway.answers["GET /api/v1/users"] = (500, b"<html>oops</html>")
    done = procurement("users", "list")
    assert (done.returncode, "HTTP 500: <html>oops</html>" in done.stderr) == (1, True)


def test_a_failed_job_says_why(procurement: Command, gateway: Any, sales: str) -> None:
    problem = {"title": "Column missing", "status": 422, "detail": "No column holds the quantity."}
    failed = {"id": "sales", "kind": "sales", "filename": "sales.csv", "status": "failed", "problem": problem}
    gateway.answers["GET /api/v1/data/imports/sales"] = (200, failed)
    done = procurement("import", sales)
    assert done.returncode == 1
    assert "Import of sales.csv has failed: Column missing: No column holds the quantity." in done.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["explain"], ["export", "--format", "pdf"], ["import", "none.csv"]]
)
def test_wrong_usage_has_exit_code_2(procurement: Command, arguments: list[str]) -> None:
    assert procurement(*arguments).returncode == 2


def test_an_unreachable_or_unknown_platform_has_exit_code_4(procurement: Command) -> None:
    for address in ("http://127.0.0.1:9", ""):
        done = procurement("export", PROCUREMENT_URL=address)
        assert (done.returncode, "procurement run" in done.stderr) == (4, True)


def test_a_second_run_on_the_same_state_has_exit_code_3_and_names_the_address(
    procurement: Command, tmp_path: Path
) -> None:
    state = StateFolder(tmp_path / "state")
    with state.locked():
        state.describe({"url": "http://127.0.0.1:8080"})
        done = procurement("run", "--state", str(state.root))
    assert (done.returncode, "http://127.0.0.1:8080" in done.stderr) == (3, True)


def test_run_refuses_unreadable_files_before_it_starts_anything(procurement: Command, tmp_path: Path) -> None:
    done = procurement("run", "--state", str(tmp_path / "state"), "none.csv")
    assert (done.returncode, (tmp_path / "state").exists()) == (2, False)
