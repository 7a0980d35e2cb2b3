"""What crossed a tap, as exchanges of HTTP, and where two runs of the same client differ.

Everything is compared but what is named here: `date` (the clock), `host` (each relay has an address of its own), where
the pieces of a body were divided, and in ways that break off, how much of an answer came before and after.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11

NOT_COMPARED = ("date", "host")
_EVENT_ID = re.compile(rb'"event_id":\s*"(\w+)"')
_RESUMED_AT = re.compile(r"last_event_id=\w+")
_ID = re.compile(rb'"id":\s*"(v1_[\w-]+)"')

type Head = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response: its first line, its head fields as they were written, its body as it was coded."""

    first_line: str
    head: Head
    body: bytes
    whole: bool = True
    """It came to its end."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A request and its response."""

    request: Message
    response: Message


def exchanges(file: Path) -> list[Exchanged]:
    """What a tap kept, in the order in which requests began; nothing if its command never ran."""
    if not file.exists():
        return []
    return of_pieces(json.loads(line) for line in file.read_text().splitlines())


def of_pieces(pieces: Iterable[dict[str, Any]]) -> list[Exchanged]:
    """The exchanges in the pieces of a tap."""
    connections: dict[int, _Connection] = {}
    for order, piece in enumerate(pieces):
        connection = connections.setdefault(piece["connection"], _Connection())
        if piece["bytes"] is None:
            connection.answered_whole |= piece["from"] == "server"
        elif piece["from"] == "server":
            connection.received += base64.b64decode(piece["bytes"])
        else:
            connection.begun.append((len(connection.sent), order))
            connection.sent += base64.b64decode(piece["bytes"])
    found = [one for connection in connections.values() for one in connection.exchanges()]
    return [exchange for _, exchange in sorted(found, key=lambda one: one[0])]


@dataclass(slots=True)
class _Connection:
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    begun: list[tuple[int, int]] = field(default_factory=list)
    answered_whole: bool = False

    def exchanges(self) -> Iterator[tuple[tuple[int, int], Exchanged]]:
        """Each with the place at which its request began among those of all connections."""
        place, received = 0, bytes(self.received)
        while place < len(self.sent):
            request, used = _message(h11.Connection(h11.SERVER), bytes(self.sent[place:]), ended=False)
            asking = h11.Connection(h11.CLIENT)
            asking.send(h11.Request(method=request.first_line.split()[0], target="/", headers=[("host", "any")]))
            asking.send(h11.EndOfMessage())
            response, read = _message(asking, received, ended=self.answered_whole)
            order = max(order for start, order in self.begun if start <= place)
            yield (order, place), Exchanged(request, response)
            place, received = place + used, received[read:]


def _message(connection: h11.Connection, data: bytes, *, ended: bool) -> tuple[Message, int]:
    # The first message in the data, and how much of it that is.
    connection.receive_data(data)
    if ended:
        connection.receive_data(b"")
    first_line, head, body, whole = "", [], b"", False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            break
        if isinstance(event, h11.Request):
            first_line = f"{event.method.decode()} {event.target.decode()}"
            head = _written(event.headers)
        elif isinstance(event, h11.Response):
            first_line = f"{event.status_code} {event.reason.decode()}"
            head = _written(event.headers)
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):
            whole = isinstance(event, h11.EndOfMessage)
            break
    return Message(first_line, head, body, whole), len(data) - len(connection.trailing_data[0])


def _written(headers: h11.Headers) -> Head:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw_items()]


def by_way(crossed: list[Exchanged], prompts: dict[str, tuple[str, ...]]) -> dict[str, list[Exchanged]]:
    """The exchanges of each way: those that say one of its prompts, or an id of its interactions. "" is the rest."""
    ways: dict[str, list[Exchanged]] = {}
    owners: dict[str, str] = {}
    for exchange in crossed:
        asked = exchange.request.first_line + exchange.request.body.decode("utf-8", "replace")
        said = [way for way, texts in prompts.items() if any(text in asked for text in texts)]
        said += [way for interaction_id, way in owners.items() if interaction_id in asked]
        way = said[0] if said else ""
        ways.setdefault(way, []).append(exchange)
        owners |= {found.decode(): way for found in _ID.findall(_plain(exchange.response))}
    return ways


def _plain(message: Message) -> bytes:
    if ("content-encoding", "gzip") not in [(name.lower(), value) for name, value in message.head]:
        return message.body
    return zlib.decompressobj(wbits=31).decompress(message.body)


def difference(
    plain: list[Exchanged], at_the_client: list[Exchanged], at_the_service: list[Exchanged], *, breaks: bool = False
) -> str | None:
    """What the proxy changed; None if nothing.

    `plain` crossed without it; through it, answers are compared at the client, requests at the service. If the way
    `breaks`, an answer may be longer in one run than in the other.
    """
    counts = [len(some) for some in (plain, at_the_client, at_the_service)]
    if len(set(counts)) > 1:
        return "{} calls without the proxy, {} to it, {} from it".format(*counts)
    for one, answered, asked in zip(plain, at_the_client, at_the_service, strict=True):
        called = one.request.first_line
        for what, here, there in (
            ("the answer", one.response, answered.response),
            ("the request", one.request, asked.request),
        ):
            if changed := _changed(here, there, breaks=breaks):
                return f"{what} of {called!r}: {changed}"
    return None


def _changed(one: Message, other: Message, *, breaks: bool) -> str | None:
    first_lines = [message.first_line for message in (one, other)]
    if breaks:
        first_lines = [_RESUMED_AT.sub("", line) for line in first_lines]
    if first_lines[0] != first_lines[1]:
        return f"{one.first_line!r} became {other.first_line!r}"
    before, after = _compared(one.head), _compared(other.head)
    if before != after:
        return f"the head fields {before} became {after}"
    same = one.body == other.body
    if not same and breaks:
        events, others = _events(one), _events(other)
        both = events.keys() & others.keys()
        same = bool(both) and all(events[event_id] == others[event_id] for event_id in both)
    elif not same and not (one.whole and other.whole):
        # A client that has read the last event leaves; the end of the coding may not have come by then.
        same = _plain(one) == _plain(other)
    return None if same else f"the body {_plain(one)[:2000]!r} became {_plain(other)[:2000]!r}"


def _events(message: Message) -> dict[bytes, bytes]:
    # The whole events of a stream by their ids.
    blocks = _plain(message).split(b"\n\n")[:-1]
    return {found[1]: block for block in blocks if (found := _EVENT_ID.search(block))}


def _compared(head: Head) -> Head:
    return [(name, value) for name, value in head if name.lower() not in NOT_COMPARED]
