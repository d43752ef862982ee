"""Looking at dead letters and deciding about them.

    python -m shared.messaging.dead_letters list    --url amqp://… [--queue forecast.data.import.completed.v1]
    python -m shared.messaging.dead_letters show    --url … ID
    python -m shared.messaging.dead_letters replay  --url … ID… | --queue NAME | --all
    python -m shared.messaging.dead_letters discard --url … ID… | --queue NAME | --all

Without --url the address is taken from BROKER_URL.
Exit codes: 0 done, 1 not (all) found or not possible, 2 wrong usage.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.messaging.connect import open_transport
from shared.messaging.transport import DeadLetter, Transport, TransportError

EVERYTHING = 1_000_000


def summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": str(letter.id),
        "queue": letter.queue,
        "type": letter.routing_key,
        "deliveries": letter.deliveries,
        "parked_at": letter.parked_at.isoformat() if letter.parked_at else None,
        "reason": letter.reason,
    }


async def _list(transport: Transport, options: argparse.Namespace) -> int:
    letters = await transport.dead_letters(options.queue, options.limit)
    for letter in letters:
        _print(summary(letter))
    return 0


async def _show(transport: Transport, options: argparse.Namespace) -> int:
    letters = await transport.dead_letters(None, EVERYTHING)
    for letter in letters:
        if letter.id == options.ids[0]:
            _print({**summary(letter), "body": _readable(letter.body)}, indent=2)
            return 0
    return _not_found(options.ids)


async def _replay(transport: Transport, options: argparse.Namespace) -> int:
    return _report("replayed", options, await transport.replay(await _chosen(transport, options)))


async def _discard(transport: Transport, options: argparse.Namespace) -> int:
    return _report("discarded", options, await transport.discard(await _chosen(transport, options)))


async def _chosen(transport: Transport, options: argparse.Namespace) -> set[UUID]:
    if options.ids:
        return set(options.ids)
    return {letter.id for letter in await transport.dead_letters(options.queue, EVERYTHING)}


def _report(done: str, options: argparse.Namespace, letters: Sequence[DeadLetter]) -> int:
    for letter in letters:
        _print({**summary(letter), "action": done})
    missing = set(options.ids) - {letter.id for letter in letters}
    return _not_found(sorted(missing)) if missing else 0


def _not_found(ids: Sequence[UUID]) -> int:
    sys.stderr.write(f"no dead letter {', '.join(map(str, ids))}; see the list\n")
    return 1


def _readable(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _print(document: dict[str, Any], indent: int | None = None) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.messaging.dead_letters", description="Decide about dead letters."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action, explanation in (
        ("list", _list, "one line of JSON for each, oldest first"),
        ("show", _show, "one with its whole body"),
        ("replay", _replay, "put them back into their original queue only"),
        ("discard", _discard, "delete them for good"),
    ):
        command = commands.add_parser(name, help=explanation)
        command.set_defaults(action=action, ids=[], queue=None, all=False)
        command.add_argument("--url", default=os.environ.get("BROKER_URL"), help="amqp://… or postgresql://…")
        if name == "list":
            command.add_argument("--limit", type=int, default=100)
        else:
            command.add_argument("ids", nargs=1 if name == "show" else "*", type=UUID, metavar="ID")
        if name != "show":
            command.add_argument("--queue", help="only those of this queue")
        if name in {"replay", "discard"}:
            command.add_argument("--all", action="store_true", help="all there are")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.url:
        parser.error("give --url or set BROKER_URL")
    if options.action in {_replay, _discard} and sum((bool(options.ids), bool(options.queue), options.all)) != 1:
        parser.error("name dead letters by id, by --queue, or take --all")
    try:
        return asyncio.run(_run(options))
    except (TransportError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


async def _run(options: argparse.Namespace) -> int:
    async with open_transport(options.url, "dead letters") as transport:
        code: int = await options.action(transport, options)
        return code


if __name__ == "__main__":
    sys.exit(main())
