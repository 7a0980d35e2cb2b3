"""Which recorded request an incoming one is, and if none: what differs.

A request's canonical form has no API version, no host, no key order, no SDK defaults and one spelling of `input`, so
that a newer SDK finds what an older one recorded. The fingerprint of that form carries a tag (`m1:`): a change of the
rules changes the tag, and is seen instead of quietly missing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tracer.events import Json, JsonObject
from tracer.player.paths import JsonPath, remove
from tracer.player.reply import Call
from tracer.wire import routes
from tracer.wire.exchange import Exchange

TAG = "m1:"

_DEFAULTS = {"stream": False, "store": True, "background": False}
"""Body fields that mean the same when they are absent (WIRE.md section 4)."""
_QUERY_DEFAULTS = {("stream", "false"), ("include_input", "false")}
_QUERY_WITHOUT_MEANING = {"key", "alt", "access_token"}
_CONTENT_TYPES = {"text", "image", "audio", "video", "document"}
_BOUNDARY = re.compile(r"""boundary="?([^";,]+)""", re.IGNORECASE)
_ID_FIELDS = {"previous_interaction_id", "call_id"}

type Translate = Callable[[str], str]


@dataclass(slots=True)
class IdMap:
    """Recorded ids and the ids issued for them; an id that was not issued stands for itself."""

    _issued: dict[str, str] = field(default_factory=dict)
    _recorded: dict[str, str] = field(default_factory=dict)

    def issue(self, recorded: str, issued: str) -> None:
        """From now on `issued` in a request means `recorded`."""
        self._issued[recorded] = issued
        self._recorded[issued] = recorded

    def __bool__(self) -> bool:
        return bool(self._issued)

    def pairs(self) -> list[tuple[str, str]]:
        """Every recorded id with the one issued for it."""
        return list(self._issued.items())

    def recorded(self, issued: str) -> str:
        """The recorded id that an id in a request means."""
        return self._recorded.get(issued, issued)


@dataclass(frozen=True, slots=True)
class Request:
    """A request in canonical form."""

    method: str
    operation: str
    """An operation of WIRE.md section 2, or `other` for any other call to the same hosts."""
    target: str | None
    """The interaction id, in recorded ids; of other calls the path without its version."""
    query: tuple[tuple[str, str], ...]
    body: Json
    """Parsed JSON in canonical form; text that is not JSON as a string; None without a body."""

    @property
    def key(self) -> str:
        """The fingerprint: equal for requests that mean the same."""
        form = [self.method, self.operation, self.target, self.query, self.body]
        text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return TAG + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a request first differs from the nearest recording, and both values (a missing one is `ABSENT`)."""

    exchange: Exchange
    path: str
    recorded: Json
    asked: Json
    others: tuple[str, ...] = ()
    """The other paths at which they differ."""


ABSENT = type("Absent", (), {"__repr__": lambda _self: "(absent)"})()
"""Stands for a value that one side does not have."""


def canonical(call: Call, *, ignore: Sequence[JsonPath] = (), recorded_id: Translate = str) -> Request:
    """The canonical form of a redacted call.

    `ignore` holds paths into the body's canonical form, such as `input[0].content[*].text`; what they name is left
    out. `recorded_id` turns an issued id into the recorded one.
    """
    method = call.method.upper()
    route = routes.match(method, call.path, call.query)
    body = _parse(_one_boundary(call))
    if route is None:
        return Request(method, "other", _versionless(call.path), _query(call.query), _ignored(_plain(body), ignore))
    target = recorded_id(route.interaction_id) if route.interaction_id else None
    if route.operation == "create" and isinstance(body, dict):
        body = _create(body)
    plain = _plain(body)
    form = _ignored(plain if recorded_id is str else _translated(plain, recorded_id), ignore)
    return Request(method, route.operation, target, _query(call.query), form)


def call_of(exchange: Exchange) -> Call:
    """The request of a recording as a player sees requests."""
    path = exchange.path
    if is_foreign(exchange):
        path = exchange.origin + path
    return Call(exchange.method, path, exchange.query, exchange.request_headers, exchange.request_body)


def is_foreign(exchange: Exchange) -> bool:
    """Whether a recording is of somebody else's service; its origin then stands before the path."""
    host = urlsplit(exchange.origin).hostname or ""
    if routes.is_service_host(host) or host in ("localhost", "127.0.0.1", "::1"):
        return False
    return routes.match(exchange.method, exchange.path, exchange.query) is None


def explain(request: Request, recordings: Iterable[tuple[Request, Exchange]]) -> Difference | None:
    """The nearest recording: same operation, fewest differing values, then the longest common start of the first one.

    None if there is no recording, or one that does not differ (which has been played then).
    """
    best: tuple[tuple[int, int, int], Difference] | None = None
    for recorded, exchange in recordings:
        differences = list(_differences(_document(recorded), _document(request)))
        if not differences:
            return None
        path, old, new = differences[0]
        rank = (recorded.operation != request.operation, len(differences), -_common_start(old, new))
        if best is None or rank < best[0]:
            others = tuple(place for place, _, _ in differences[1:])
            best = (rank, Difference(exchange, path, old, new, others))
    return best[1] if best else None


def _document(request: Request) -> JsonObject:
    """What is compared, in the order in which a reader wants to hear of it."""
    head: JsonObject = {"operation": request.operation}
    if request.target is not None:
        head["id" if request.operation != "other" else "path"] = request.target
    head.update({f"query {name}": value for name, value in request.query})
    body = request.body
    return {**head, **body} if isinstance(body, dict) else {**head, "body": body}


def _differences(old: Json, new: Json, path: str = "") -> Iterable[tuple[str, Json, Json]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            below = f"{path}.{name}" if path else name
            yield from _differences(old.get(name, ABSENT), new.get(name, ABSENT), below)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else ABSENT
            right = new[index] if index < len(new) else ABSENT
            yield from _differences(left, right, f"{path}[{index}]")
    elif old is ABSENT or new is ABSENT or type(old) is not type(new) or old != new:
        yield path, old, new


def _common_start(old: Json, new: Json) -> int:
    if not (isinstance(old, str) and isinstance(new, str)):
        return 0
    length = 0
    for left, right in zip(old, new, strict=False):
        if left != right:
            break
        length += 1
    return length


def _one_boundary(call: Call) -> bytes:
    # Clients draw the boundary of a multipart body by lot.
    if not call.body.startswith(b"--"):
        return call.body
    content_type = call.header("content-type") or ""
    found = _BOUNDARY.search(content_type) if content_type.lower().startswith("multipart/") else None
    return (
        call.body if found is None else call.body.replace(f"--{found[1]}".encode("latin-1", "replace"), b"--boundary")
    )


def _parse(body: bytes) -> Json:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "surrogateescape")


def _create(body: JsonObject) -> JsonObject:
    kept = {name: value for name, value in body.items() if value is not None and value is not _DEFAULTS.get(name)}
    if "input" in kept:
        kept["input"] = _steps(kept["input"])
    return kept


def _steps(value: Json) -> Json:
    """Any form of `input` (WIRE.md section 5) as a list of steps; neighbouring contents become one `user_input`."""
    if isinstance(value, str):
        return [_user_input([{"type": "text", "text": value}])]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return value
    steps: list[Json] = []
    loose: list[Json] | None = None
    for item in value:
        if _is_content(item):
            if loose is None:
                loose = []
                steps.append(_user_input(loose))
            loose.append({"type": "text", "text": item} if isinstance(item, str) else item)
        else:
            loose = None
            steps.append(_step(item))
    return steps


def _user_input(content: list[Json]) -> JsonObject:
    return {"type": "user_input", "content": content}


def _is_content(item: Json) -> bool:
    return isinstance(item, str) or (isinstance(item, Mapping) and item.get("type") in _CONTENT_TYPES)


def _step(item: Json) -> Json:
    if isinstance(item, dict) and isinstance(item.get("content"), str):
        return {**item, "content": [{"type": "text", "text": item["content"]}]}
    return item


def _plain(value: Json) -> Json:
    """The same value with whole floats as integers: 1.0 and 1 are one number in JSON."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _translated(value: Json, recorded_id: Translate) -> Json:
    if isinstance(value, dict):
        return {
            name: recorded_id(item) if name in _ID_FIELDS and isinstance(item, str) else _translated(item, recorded_id)
            for name, item in value.items()
        }
    return [_translated(item, recorded_id) for item in value] if isinstance(value, list) else value


def _ignored(body: Json, ignore: Sequence[JsonPath]) -> Json:
    for path in ignore:
        body = remove(body, path)
    return body


def _query(query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(pair for pair in query if pair not in _QUERY_DEFAULTS and pair[0] not in _QUERY_WITHOUT_MEANING)
    )


def _versionless(path: str) -> str:
    """A path with its API version, wherever it stands, taken out: /v1/files and /v1beta/files are one."""
    return "/".join(part for part in path.split("/") if not _is_version(part))


def _is_version(part: str) -> bool:
    return len(part) > 1 and part[0] == "v" and part[1].isdigit()


def shown(value: Json, other: Json, width: int = 200) -> str:
    """A value for a message; of a long text the part where it begins to differ from the other one."""
    text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
    if len(text) <= width:
        return text
    start = max(0, _common_start(text, json.dumps(other, ensure_ascii=False, default=repr)) - width // 4)
    return ("…" if start else "") + text[start : start + width] + ("…" if start + width < len(text) else "")
