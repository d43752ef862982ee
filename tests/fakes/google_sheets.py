"""Google's Sheets and Drive APIs for tests: a real HTTP server on a loopback port, with faults on request.

The genuine service-account flow runs: the token endpoint verifies the RS256 assertion with the account's public key.
Every request and answer is kept in `exchanges`; `violations()` holds them against Google's discovery documents.
"""

import functools
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.fakes.google_contract import Exchange, google_contract
from tests.fakes.google_spreadsheet import ApiError, Spreadsheet, invalid

ACCOUNT = "procurement@test-project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever token_uri says
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES = {"https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass
class Fault:
    """Answers `times` matching requests with `status`; with `after` the effect happens and only the answer is lost."""

    status: int
    times: int = 1
    after: bool = False
    retry_after: int | None = None
    match: Callable[[str, str], bool] = lambda _method, _path: True


@functools.cache
def _account_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FakeGoogle:
    def __init__(self, *, calls_per_minute: int = 60, key: rsa.RSAPrivateKey | None = None) -> None:
        self.calls_per_minute = calls_per_minute
        self.spreadsheets: dict[str, Spreadsheet] = {}
        self.exchanges: list[Exchange] = []
        self.faults: list[Fault] = []
        self.on_request: Callable[[str, str], None] | None = None
        self._key = key or _account_key()
        self._tokens: set[str] = set()
        self._calls: dict[str, list[float]] = {"read": [], "write": []}
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="fake-google", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def credentials(self) -> dict[str, str]:
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "test-project",
            "private_key_id": "test-key",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": f"{self.base_url}/token",
        }

    def write_credentials(self, path: Path) -> Path:
        path.write_text(json.dumps(self.credentials()), encoding="utf-8")
        return path

    def add_spreadsheet(self, title: str = "Procurement", *, role: str | None = "writer") -> Spreadsheet:
        """Shared with the service account as `writer`, `reader`, or not at all."""
        spreadsheet = Spreadsheet.empty(secrets.token_urlsafe(33), title)
        if role is not None:
            (spreadsheet.editors if role == "writer" else spreadsheet.readers).add(ACCOUNT)
        self.spreadsheets[spreadsheet.key] = spreadsheet
        return spreadsheet

    def fail(self, status: int, **options: Any) -> None:
        self.faults.append(Fault(status, **options))

    def revoke_tokens(self) -> None:
        self._tokens.clear()

    def calls(self, method: str) -> int:
        return sum(exchange.method == method for exchange in self.exchanges)

    def violations(self) -> list[str]:
        contract = google_contract()
        return [problem for exchange in self.exchanges for problem in contract.problems(exchange)]

    # One request, under one lock: like Google, a spreadsheet changes one batch at a time.

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], headers: Any, body: bytes
    ) -> tuple[int, Any, int | None]:
        with self._lock:
            if path == "/token":
                return (*self._token(body), None)
            request = json.loads(body) if body else None
            if self.on_request is not None:
                self.on_request(method, path)
            fault = self._fault(method, path)
            try:
                self._authorise(headers.get("Authorization", ""))
                self._count(method)
                if fault is not None and not fault.after:
                    raise ApiError(fault.status, STATUSES[fault.status], "injected by the test")
                status, response = 200, self._route(method, path, query, request)
                if fault is not None:
                    status, response = _error(ApiError(fault.status, STATUSES[fault.status], "answer lost by the test"))
            except ApiError as error:
                status, response = _error(error)
            self.exchanges.append(Exchange(method, path, query, request, status, response))
            return status, response, fault.retry_after if fault is not None else None

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.match(method, path):
                fault.times -= 1
                return fault
        return None

    def _token(self, body: bytes) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form.get("grant_type") != GRANT:
            return 400, {"error": "unsupported_grant_type"}
        try:
            claims = jwt.decode(form["assertion"], self._key.public_key(), algorithms=["RS256"], audience=AUDIENCE)
        except jwt.InvalidTokenError as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}
        if (
            claims["iss"] != ACCOUNT
            or not set(claims["scope"].split()) <= SCOPES
            or claims["exp"] - claims["iat"] > 3600
        ):
            return 400, {"error": "invalid_scope"}
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def _authorise(self, header: str) -> None:
        if header.removeprefix("Bearer ") not in self._tokens:
            raise ApiError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")

    def _count(self, method: str) -> None:
        calls = self._calls["read" if method == "GET" else "write"]
        now = time.monotonic()
        calls[:] = [moment for moment in calls if now - moment < 60]
        if len(calls) >= self.calls_per_minute:
            raise ApiError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Requests per minute per user'.")
        calls.append(now)

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        if path == "/drive/v3/files":
            return self._drive(method)
        parts = path.removeprefix("/v4/spreadsheets/").split("/")
        key, _, verb = parts[0].partition(":")
        spreadsheet = self._open(key, writing=method != "GET")
        if len(parts) == 1:
            return self._whole(spreadsheet, verb, query, body)
        if parts[1] == "values:batchUpdate":
            return _values_batch_update(spreadsheet, body)
        if parts[1] == "values" and len(parts) == 3:
            target, _, action = parts[2].partition(":")
            return _values(spreadsheet, method, unquote(target), action, query, body)
        raise ApiError(404, "NOT_FOUND", "Requested entity was not found.")

    def _open(self, key: str, *, writing: bool) -> Spreadsheet:
        spreadsheet = self.spreadsheets.get(key)
        if spreadsheet is None:
            raise ApiError(404, "NOT_FOUND", "Requested entity was not found.")
        allowed = spreadsheet.editors if writing else spreadsheet.editors | spreadsheet.readers
        if ACCOUNT not in allowed:
            raise ApiError(403, "PERMISSION_DENIED", "The caller does not have permission")
        return spreadsheet

    def _whole(self, spreadsheet: Spreadsheet, verb: str, query: dict[str, list[str]], body: Any) -> Any:
        if verb == "batchUpdate":
            return {"spreadsheetId": spreadsheet.key, "replies": spreadsheet.batch_update(body["requests"])}
        return _masked(spreadsheet.describe(), query.get("fields", ["*"])[0])

    def _drive(self, method: str) -> Any:
        if method == "POST":
            # Service accounts have no storage of their own.
            raise ApiError(403, "PERMISSION_DENIED", "The user's Drive storage quota has been exceeded.")
        files = [
            {"id": spreadsheet.key, "name": spreadsheet.title}
            for spreadsheet in self.spreadsheets.values()
            if ACCOUNT in spreadsheet.editors | spreadsheet.readers
        ]
        return {"files": files}


def _values_batch_update(spreadsheet: Spreadsheet, body: Any) -> Any:
    # All ranges are checked before one is written.
    for part in body["data"]:
        spreadsheet.locate(part["range"])
    responses = [spreadsheet.write(part["range"], part["values"], body["valueInputOption"]) for part in body["data"]]
    return {
        "spreadsheetId": spreadsheet.key,
        "totalUpdatedRows": sum(response["updatedRows"] for response in responses),
        "totalUpdatedCells": sum(response["updatedCells"] for response in responses),
        "totalUpdatedSheets": 1,
        "responses": responses,
    }


def _values(
    spreadsheet: Spreadsheet, method: str, target: str, action: str, query: dict[str, list[str]], body: Any
) -> Any:
    if method == "GET":
        return spreadsheet.read(target)
    if action == "clear":
        return spreadsheet.clear(target)
    option = query.get("valueInputOption", [""])[0]
    if option not in {"RAW", "USER_ENTERED"}:
        raise invalid("'valueInputOption' is required but not specified")
    write = spreadsheet.append if action == "append" else spreadsheet.write
    return write(target, body["values"], option)


def _masked(value: dict[str, Any], fields: str) -> dict[str, Any]:
    """A field mask of names and dotted paths; enough for what clients ask here."""
    if fields == "*":
        return value
    shown: dict[str, Any] = {}
    for path in fields.split(","):
        name, _, rest = path.partition(".")
        if name not in value:
            raise invalid(f"Invalid field selection {name}")
        if not rest:
            shown[name] = value[name]
        elif isinstance(value[name], list):
            shown[name] = [_masked(item, rest) for item in value[name]]
        else:
            shown[name] = {**shown.get(name, {}), **_masked(value[name], rest)}
    return shown


def _error(error: ApiError) -> tuple[int, Any]:
    return error.code, {"error": {"code": error.code, "message": error.message, "status": error.status}}


def _handler_of(google: FakeGoogle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, response, retry_after = google.answer(
                self.command, parts.path, parse_qs(parts.query), self.headers, body
            )
            content = json.dumps(response).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            if retry_after is not None:
                self.send_header("Retry-After", str(retry_after))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 -- the names are the library's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the signature is the library's
            """Requests are kept in `exchanges` instead."""

    return Handler
