"""HTTP to a gateway: credentials, retries of safe requests, and problem documents turned into readable errors."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from local.errors import LocalError, NotAllowedError, UnreachableError

_ATTEMPTS = 5
_BUSY = frozenset({429, 502, 503, 504})
_RENEW_BEFORE_SECONDS = 30.0


@dataclass(frozen=True)
class Credentials:
    """Either an API key or an e-mail address with its password; neither for public routes only."""

    email: str | None = None
    password: str | None = None
    api_key: str | None = None


class RefusedError(LocalError):
    """The gateway or a service answered with a problem document."""

    def __init__(self, text: str, status: int, code: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Connection:
    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        transport: httpx.BaseTransport | None = None,
        patience_seconds: float = 20.0,
    ) -> None:
        """`patience_seconds`: how long requests that are safe to repeat are repeated while the platform is busy."""
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._patience_seconds = patience_seconds
        self._token = ""
        self._token_ends = 0.0
        timeout = httpx.Timeout(60.0, connect=5.0, write=300.0)
        self._client = httpx.Client(base_url=self.url, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        return self.send("GET", path, params=given).json()

    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None, **options: Any) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = self.send("POST", path, json=body, headers=headers, **options)
        return answer.json() if answer.content else None

    def patch(self, path: str, body: Any) -> Any:
        return self.send("PATCH", path, json=body).json()

    def pages(self, path: str, limit: int = 1000, **params: Any) -> Iterator[dict[str, Any]]:
        """All items of a paged collection, in order."""
        cursor = None
        while True:
            page = self.get(path, limit=limit, cursor=cursor, **params)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Repeats GET while the platform is busy or away; everything else is sent once.

        Raises:
            UnreachableError: nobody answers.
            NotAllowedError: 401 or 403.
            RefusedError: any other problem.
        """
        deadline = time.monotonic() + self._patience_seconds
        headers = dict(options.pop("headers", {}))
        for attempt in range(1, _ATTEMPTS + 1):
            is_last = method != "GET" or attempt == _ATTEMPTS or time.monotonic() > deadline
            try:
                answer = self._client.request(method, path, headers={**headers, **self._authorization()}, **options)
            except httpx.TransportError as error:
                if is_last:
                    raise self._unreachable(error) from None
                time.sleep(0.3 * attempt)
                continue
            if answer.status_code not in _BUSY or is_last:
                return _checked(answer)
            time.sleep(_pause(answer, attempt))
        raise AssertionError("unreachable")

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx.Response]:
        try:
            with self._client.stream("GET", path, headers=self._authorization()) as answer:
                if answer.is_error:
                    answer.read()
                yield _checked(answer)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _authorization(self) -> dict[str, str]:
        given = self._credentials
        if given.api_key:
            return {"X-API-Key": given.api_key}
        if not given.email or not given.password:
            return {}
        if time.monotonic() > self._token_ends - _RENEW_BEFORE_SECONDS:
            self._log_in(given.email, given.password)
        return {"Authorization": f"Bearer {self._token}"}

    def _log_in(self, email: str, password: str) -> None:
        try:
            answer = self._client.post("/api/v1/auth/login", json={"email": email, "password": password})
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        token = _checked(answer).json()
        self._token = token["access_token"]
        self._token_ends = time.monotonic() + float(token["expires_in"])

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        reason = str(error) or type(error).__name__
        return UnreachableError(
            f"No answer from {self.url} ({reason}). Start the platform with `procurement run`, or give its address "
            "with --url or PROCUREMENT_URL."
        )


def _pause(answer: httpx.Response, attempt: int) -> float:
    wanted = answer.headers.get("Retry-After", "")
    return min(float(wanted), 10.0) if wanted.isdigit() else 0.3 * attempt


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    problem = _problem(answer)
    text = readable(answer.status_code, problem)
    if answer.status_code == 401:
        raise NotAllowedError(f"{text}\nGive PROCUREMENT_EMAIL and PROCUREMENT_PASSWORD, or PROCUREMENT_API_KEY.")
    if answer.status_code == 403:
        raise NotAllowedError(text)
    raise RefusedError(text, answer.status_code, str(problem.get("code", "")))


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {"detail": answer.text[:300]}


def readable(status: int, problem: Mapping[str, Any]) -> str:
    """A problem document (RFC 9457) as lines for people."""
    title, detail = problem.get("title") or f"HTTP {status}", problem.get("detail") or ""
    lines = [f"{title}: {detail}" if detail else str(title)]
    for error in problem.get("errors") or []:
        place = error.get("parameter") or error.get("pointer")
        lines.append(f"  {place}: {error.get('detail')}" if place else f"  {error.get('detail')}")
    if problem.get("trace_id") and status >= 500:
        lines.append(f"  trace {problem['trace_id']}")
    return "\n".join(lines)
