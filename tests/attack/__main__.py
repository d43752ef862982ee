"""`python -m tests.attack https://host [--token … | --email … --password …]`: the corpus against a running gateway.

Prints every finding with the bytes that show it again, and one JSON line at the end. Exits with 1 when there was one.
Nothing is written to the platform: payloads that would be served are reads, or bodies that no service accepts.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
import urllib.request
from typing import Any

from tests.attack.corpus.families import FAMILIES, Surroundings
from tests.attack.corpus.tokens import Published
from tests.attack.routes import Routes
from tests.attack.runner import Attack
from tests.attack.scenarios import SCENARIOS, Account
from tests.attack.wire import Address


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("url", help="where the gateway, or what stands before it, answers")
    parser.add_argument("--token", default=os.environ.get("TOKEN") or None, help="an access token (or TOKEN)")
    parser.add_argument("--email", default=os.environ.get("EMAIL") or None, help="log in instead (or EMAIL)")
    parser.add_argument("--password", default=os.environ.get("PASSWORD") or None, help="its password (or PASSWORD)")
    parser.add_argument("--quiet", type=float, default=0.15, help="seconds to wait for an answer nobody asked for")
    parser.add_argument("--family", action="append", choices=[*FAMILIES, *SCENARIOS], help="only this one (repeatable)")
    return parser.parse_args()


def fetch(url: str, *, token: str | None = None, body: Any = None) -> Any:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, headers)
    handler = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
    with opener.open(request, timeout=20) as answer:
        return json.load(answer), dict(answer.headers)


async def attack(given: argparse.Namespace) -> int:
    began = time.monotonic()
    url = given.url.rstrip("/")
    jwks, headers = fetch(f"{url}/.well-known/jwks.json")
    token, refresh, account = given.token, None, None
    if given.email:
        account = Account(given.email, given.password or "")
        tokens, _ = fetch(f"{url}/api/v1/auth/login", body={"email": account.email, "password": account.password})
        token, refresh = tokens["access_token"], tokens["refresh_token"]
    roles = frozenset(fetch(f"{url}/api/v1/auth/me", token=token)[0]["roles"]) if token else frozenset()
    front = "nginx" in headers.get("Server", headers.get("server", ""))
    run = Attack(Address.of(url), token, front=front, quiet=given.quiet)
    surroundings = Surroundings(Routes(), roles, Published(jwks, token, refresh))
    for name, family in FAMILIES.items():
        if not given.family or name in given.family:
            await run.run(family(surroundings))
    for name, scenario in SCENARIOS.items():
        if not given.family or name in given.family:
            run.names.add(f"scenario: {name}")
            run.findings += await scenario(run, surroundings, account)
    for finding in run.findings:
        print(finding)
    figures = {**run.figures(), "front": front, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(figures))
    return int(bool(run.findings))


if __name__ == "__main__":
    sys.exit(asyncio.run(attack(arguments())))
