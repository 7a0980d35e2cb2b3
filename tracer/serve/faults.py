"""Trouble on order: a player whose replies sometimes go wrong, as networks, gateways and busy services let them.

`--fault 429,times=2,retry-after=1` fails the first two calls; see `FAULTS` for what there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tracer.errors import UsageError
from tracer.player.failures import CODES, Failure
from tracer.player.ids import digest
from tracer.player.reply import Call, Player, Reply, ReplyChunk
from tracer.wire import routes

FAULTS: dict[str, str] = {
    "429": "an HTTP error, any of 400 to 599; `retry-after=SECONDS` or `retry-after-ms=N` say when to come back",
    "html": "a gateway's 502 page",
    "reset": "the connection is reset before an answer; with `at=0.5` inside the body, at that share of it",
    "cut": "the connection is closed inside the body",
    "stall": "nothing more comes from some point of the body on; `for=SECONDS`, else until the client leaves",
    "slow": "small pieces, `ms=N` apart (200)",
    "duplicate": "every event of a stream comes twice",
    "bare-error": "a stream ends in an error line that is no event",
}
"""Kind -> what it does."""
OPTIONS: dict[str, str] = {
    "times": "only so many calls",
    "every": "only each N-th call",
    "rate": "a share of the calls, 0 to 1; which ones depends on the seed",
    "on": "only one operation: create, get, resume, cancel, delete or stream",
}
"""What every kind can be limited to."""

_HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Error 502 (Server Error)!!1</title></head><body><h1>502. That's an error."
    b"</h1><p>The server encountered a temporary error and could not complete your request.</p></body></html>\n"
)
_OPERATIONS = ("create", "get", "resume", "cancel", "delete", "stream")
_OWN = {"stall": ("for", "at"), "slow": ("ms",), "cut": ("at",), "reset": ("at",), "bare-error": ("at",)}
_STATUS_OPTIONS = ("retry-after", "retry-after-ms", "form")
_FOREVER_US = 86_400_000_000
_SLOW_PIECE = 16
_EVENT_END = re.compile(rb"\r?\n\r?\n")


@dataclass(slots=True)
class Fault:
    """One kind of trouble, and when it strikes."""

    kind: str
    options: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    struck: int = 0

    def strikes(self, call: Call, seed: int) -> bool:
        """Whether this call is hit. Counts it."""
        if not _is_on(self.options.get("on"), call):
            return False
        self.seen += 1
        if self.struck >= int(self.options.get("times", "1000000000")):
            return False
        if self.seen % int(self.options.get("every", "1")):
            return False
        share = int.from_bytes(digest(seed, "fault", self.kind, self.seen, size=4)) / 2**32
        if share >= float(self.options.get("rate", "1")):
            return False
        self.struck += 1
        return True

    def instead(self) -> Reply | None:
        """What comes instead of an answer; None if the fault lies in how the answer is sent."""
        if self.kind == "html":
            headers = (("content-type", "text/html; charset=UTF-8"),)
            return Reply(502, headers, (ReplyChunk(0, _HTML),))
        if self.kind == "reset":
            return None if "at" in self.options else Reply(502, (), (), cut=True, reset=True)
        if not self.kind.isdigit():
            return None
        named = [(name, self.options[name]) for name in ("retry-after", "retry-after-ms") if name in self.options]
        form: Literal["interactions", "google"] = "google" if self.options.get("form") == "google" else "interactions"
        return Failure(int(self.kind), form=form, headers=tuple(named)).reply()

    def applied(self, reply: Reply) -> Reply:
        """The answer, sent in a way that makes trouble."""
        return _SENDING[self.kind](self, reply)

    @property
    def at(self) -> float:
        """At which share of the body it happens."""
        return float(self.options.get("at", "0.5"))


class Faulty:
    """A player of whose replies some go wrong. The first fault that strikes decides; the seed chooses for `rate`."""

    def __init__(self, player: Player, faults: Sequence[Fault], seed: int = 0) -> None:
        self._player = player
        self._faults = list(faults)
        self._seed = seed

    def answer(self, call: Call, now_us: int) -> Reply:
        """The player's reply, or the trouble that came in between; then the player is not asked."""
        fault = next((fault for fault in self._faults if fault.strikes(call, self._seed)), None)
        if fault is None:
            return self._player.answer(call, now_us)
        instead = fault.instead()
        return fault.applied(self._player.answer(call, now_us)) if instead is None else instead


def parse_fault(text: str) -> Fault:
    """A fault from its text, `KIND[,NAME=VALUE...]`. Raises UsageError."""
    kind, *rest = [part.strip() for part in text.split(",")]
    is_status = re.fullmatch(r"[45]\d\d", kind) is not None
    if not is_status and (kind not in FAULTS or kind.isdigit()):
        known = ", ".join(name for name in FAULTS if not name.isdigit())
        raise UsageError(f"--fault {text!r}: {kind!r} is not known; expected a status of 400 to 599, {known}")
    options: dict[str, str] = {}
    for part in rest:
        name, equals, value = part.partition("=")
        known_here = (*OPTIONS, *(_STATUS_OPTIONS if is_status else _OWN.get(kind, ())))
        if name not in known_here or not equals:
            raise UsageError(f"--fault {text!r}: {part!r} is not known; expected {'=, '.join(known_here)}=")
        if not _CHECKS[name](value):
            raise UsageError(f"--fault {text!r}: {name} can't be {value!r}; expected {_EXPECTED[name]}")
        options[name] = value
    return Fault(kind, options)


def _is_number(text: str, low: float, high: float) -> bool:
    return re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) is not None and low <= float(text) <= high


_CHECKS: dict[str, Callable[[str], bool]] = {
    "times": lambda text: re.fullmatch(r"\d{1,9}", text) is not None,
    "every": lambda text: re.fullmatch(r"[1-9]\d{0,8}", text) is not None,
    "rate": lambda text: _is_number(text, 0, 1),
    "on": lambda text: text in _OPERATIONS,
    "at": lambda text: _is_number(text, 0, 1),
    "for": lambda text: _is_number(text, 0, 86_400),
    "ms": lambda text: re.fullmatch(r"\d{1,7}", text) is not None,
    "retry-after": lambda text: _is_number(text, 0, 86_400),
    "retry-after-ms": lambda text: re.fullmatch(r"\d{1,9}", text) is not None,
    "form": lambda text: text in ("interactions", "google"),
}
_EXPECTED = {
    "times": "a whole number",
    "every": "a whole number from 1 on",
    "rate": "a number from 0 to 1",
    "on": ", ".join(_OPERATIONS),
    "at": "a number from 0 to 1",
    "for": "seconds",
    "ms": "milliseconds",
    "retry-after": "seconds",
    "retry-after-ms": "milliseconds",
    "form": "interactions or google",
}


def _is_on(wanted: str | None, call: Call) -> bool:
    if wanted is None:
        return True
    route = routes.match(call.method, call.path, call.query)
    if route is None:
        return False
    if wanted == "stream":
        asked = re.search(rb'"stream"\s*:\s*true', call.body)
        return route.operation == "resume" or (route.operation == "create" and asked is not None)
    return route.operation == wanted


def _halves(reply: Reply, at: float) -> tuple[list[ReplyChunk], list[ReplyChunk]]:
    # Divides the chunks at a share of the body, inside of one if it has to be.
    wanted, first = int(len(reply.body) * at), []
    rest = list(reply.chunks)
    while rest and len(rest[0].data) <= wanted:
        wanted -= len(rest[0].data)
        first.append(rest.pop(0))
    if rest and wanted:
        first.append(replace(rest[0], data=rest[0].data[:wanted]))
        rest[0] = ReplyChunk(0, rest[0].data[wanted:])
    return first, rest


def _cut(fault: Fault, reply: Reply) -> Reply:
    first, _ = _halves(reply, fault.at)
    return replace(reply, chunks=tuple(first) or (ReplyChunk(0, b""),), cut=True, reset=fault.kind == "reset")


def _stalled(fault: Fault, reply: Reply) -> Reply:
    first, rest = _halves(reply, fault.at)
    seconds = fault.options.get("for")
    pause = _FOREVER_US if seconds is None else int(float(seconds) * 1_000_000)
    # With an empty chunk at its head the reply is sent as a stream, also if it is short JSON.
    begun = first or [ReplyChunk(0, b"")]
    waiting = [replace(rest[0], delay_us=pause), *rest[1:]] if rest else [ReplyChunk(pause, b"")]
    return replace(reply, chunks=(*begun, *waiting))


def _slow(fault: Fault, reply: Reply) -> Reply:
    pause = int(fault.options.get("ms", "200")) * 1000
    pieces = [
        ReplyChunk(pause, chunk.data[n : n + _SLOW_PIECE])
        for chunk in reply.chunks
        for n in range(0, len(chunk.data), _SLOW_PIECE)
    ]
    return replace(reply, chunks=tuple(pieces))


def _is_stream(reply: Reply) -> bool:
    return any(name == "content-type" and value.startswith("text/event-stream") for name, value in reply.headers)


def _doubled(_fault: Fault, reply: Reply) -> Reply:
    if not _is_stream(reply):
        return reply
    twice = [[chunk, replace(chunk, delay_us=0)] if b"[DONE]" not in chunk.data else [chunk] for chunk in reply.chunks]
    return replace(reply, chunks=tuple(chunk for pair in twice for chunk in pair))


def _bare_error(fault: Fault, reply: Reply) -> Reply:
    if not _is_stream(reply):
        return reply
    body = b"".join(chunk.data for chunk in _halves(reply, fault.at)[0])
    whole = [end.end() for end in _EVENT_END.finditer(body)]
    code, message = CODES[503]
    line = f'{{"error":{{"code":"{code}","message":"{message}"}}}}\n\n'.encode()
    return replace(reply, chunks=(ReplyChunk(0, body[: whole[-1] if whole else 0]), ReplyChunk(0, line)))


_SENDING: dict[str, Callable[[Fault, Reply], Reply]] = {
    "cut": _cut,
    "reset": _cut,
    "stall": _stalled,
    "slow": _slow,
    "duplicate": _doubled,
    "bare-error": _bare_error,
}
