"""A service that answers Interactions API calls: it keeps interactions, ids and life cycles, and asks a source what the
model says.

It does no I/O, reads no clock and knows no chance: `seed` and `now_us` are all that varies. Asking twice with the
same seed, calls and times gives the same bytes. Every call gets a reply; nothing raises.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from tracer.dialects import DIALECTS
from tracer.dialects.base import DialectName
from tracer.events import JsonObject, Snapshot
from tracer.player import gate, usage
from tracer.player.agents import Agents
from tracer.player.failures import Failure, error_reply, google_error_reply, json_reply
from tracer.player.files import Files
from tracer.player.held import Held, context_of
from tracer.player.ids import Mint, digest, interaction_id, turn_token
from tracer.player.reply import Call, Reply
from tracer.player.requests import Create, check_results, read_create
from tracer.player.stream import Pace, after, payloads, sse_reply, stream_events
from tracer.player.turn import Answer, Source, Turn
from tracer.wire import routes

_SDK_MAJOR = re.compile(r"google-genai-sdk/(\d+)\.")
_UNKNOWN_ID = "Interaction not found."
_BAD_JSON = "Invalid JSON payload received. Expected one JSON object."
_ECHOED = ("tools", "stream", "background", "store", "generation_config", "previous_interaction_id")


class Engine:
    """The service. `dialect` "auto" answers each client in the words of its SDK (WIRE.md section 1).

    Interactions are forgotten `retention_us` after their creation. A background job takes `job_us` by the clock;
    without it, it moves on at each get. With `require_key` a call without key or token is refused.
    """

    def __init__(
        self,
        source: Source,
        *,
        dialect: Literal["auto", "steps", "outputs", "guide"] = "auto",
        seed: int,
        pace: Pace | None = None,
        retention_us: int | None = None,
        job_us: int | None = None,
        require_key: bool = False,
    ) -> None:
        self._source = source
        self._dialect = dialect
        self._seed = seed
        self._pace = pace or Pace()
        self._held: dict[str, Held] = {}
        self._continuations: dict[str, Held] = {}
        self._retention_us = retention_us
        self._job_us = job_us
        self._require_key = require_key
        self._files = Files(seed)
        self._agents = Agents()
        self._turns = 0
        self._failures: Counter[bytes] = Counter()

    def answer(self, call: Call, now_us: int) -> Reply:
        """The service's reply to a call; there are files and agents too, anything else gets a 404."""
        refused = gate.refusal(call, require_key=self._require_key)
        if refused is not None:
            return refused
        self._forget(now_us)
        route = routes.match(call.method, call.path, call.query)
        if route is None:
            unknown = google_error_reply(404, f"{call.method} {call.path} is not served by this emulator.")
            return self._files.answer(call, now_us) or self._agents.answer(call) or unknown
        name = self._dialect_of(call)
        if route.operation == "create":
            return self._create(call, name, now_us)
        held = self._held.get(route.interaction_id or "")
        if held is None:
            return error_reply(404, "not_found", _UNKNOWN_ID)
        held.tick(now_us)
        match route.operation:
            case "get":
                return self._get(held, call, name, now_us)
            case "resume":
                return self._resume(held, call, name, now_us)
            case "cancel":
                return self._cancel(held, name, now_us)
            case "delete":
                del self._held[held.id]
                return json_reply(200, {}, delay_us=self._pace.first_us)

    def _forget(self, now_us: int) -> None:
        # The oldest come first; a clock that went backwards only makes them stay longer.
        while self._retention_us is not None and self._held:
            held = next(iter(self._held.values()))
            if now_us < held.created_us + self._retention_us:
                return
            del self._held[held.id]
            self._continuations.pop(held.continuation_token, None)

    def _create(self, call: Call, name: DialectName, now_us: int) -> Reply:
        request = read_create(call.body, DIALECTS[name].read_input)
        if request is None:
            return google_error_reply(400, _BAD_JSON)
        if isinstance(request, Failure):
            return request.reply()
        previous = self._previous(request, now_us)
        if isinstance(previous, Failure):
            return previous.reply()
        context = context_of(previous)
        refused = check_results(request.input, context)
        if refused is not None:
            return refused.reply()
        token = turn_token(self._seed, self._turns, now_us)
        attempt = self._failures[key := digest(0, call.body)]
        number = 1 + (len(previous.chain()) if previous else 0)
        mint = Mint(self._seed, token)
        turn = Turn(request.body, request.input, context, mint, attempt, call.headers, number)
        answer = self._source.answer(turn)
        if isinstance(answer, Failure):
            self._failures[key] += 1
            return answer.reply()
        self._failures.pop(key, None)
        held = self._hold(request, answer, previous, token, now_us)
        return self._created(held, request, name, now_us)

    def _created(self, held: Held, request: Create, name: DialectName, now_us: int) -> Reply:
        if request.stream:
            return self._stream(held, name, now_us, None)
        steps = None if held.running else held.answer.steps
        return self._body(held, steps, name, {})

    def _previous(self, request: Create, now_us: int) -> Held | Failure | None:
        if request.continuation is not None:
            held = self._continuations.get(request.continuation)
            return held or Failure(400, "The continuation token is not valid.")
        if request.previous is None:
            return None
        held = self._held.get(request.previous)
        if held is None:
            return Failure(404, _UNKNOWN_ID)
        if held.running:
            held.finish(now_us)
        return held

    def _hold(self, request: Create, answer: Answer, previous: Held | None, token: str, now_us: int) -> Held:
        self._turns += 1
        first = previous.first_token if previous else token
        held = Held(
            id=interaction_id(first, token) if request.store else "",
            token=token,
            first_token=first,
            request=request.body,
            input=request.input,
            answer=answer,
            usage=answer.usage or usage.count(request.body, request.input, context_of(previous), answer.steps),
            previous=previous,
            created_us=now_us,
            updated_us=now_us,
            background=request.background,
            running=request.background,
            takes_us=self._job_us if answer.takes_us is None and answer.polls is None else answer.takes_us,
        )
        if request.store:
            self._held[held.id] = held
        if answer.status == "requires_continuation":
            self._continuations[held.continuation_token] = held
        return held

    def _get(self, held: Held, call: Call, name: DialectName, now_us: int) -> Reply:
        held.polled(now_us)
        extra = {"input": held.input} if dict(call.query).get("include_input") == "true" else {}
        steps = [*held.input, *held.steps] if name == "steps" else held.steps
        return self._body(held, steps, name, extra)

    def _resume(self, held: Held, call: Call, name: DialectName, now_us: int) -> Reply:
        return self._stream(held, name, now_us, dict(call.query).get("last_event_id"))

    def _cancel(self, held: Held, name: DialectName, now_us: int) -> Reply:
        if not held.background:
            return error_reply(400, "failed_precondition", "Only background interactions can be cancelled.")
        if held.running:
            held.cancel(now_us)
        return self._body(held, held.steps, name, {})

    def _stream(self, held: Held, name: DialectName, now_us: int, last_event_id: str | None) -> Reply:
        dialect = DIALECTS[name]
        steps = held.steps if held.cancelled else held.answer.steps
        status = "cancelled" if held.cancelled else held.answer.status
        echoes = _echoes(held) if name == "guide" else {}
        opened = {**held.opening_fields(), **echoes}
        ended = {**held.fields(), **echoes, "id": held.id, "status": status, "usage": held.usage}
        if held.answer.errors and not held.cancelled:
            ended["errors"] = list(held.answer.errors)
        numbered = payloads(stream_events(opened, steps, ended, held.answer.piece), dialect)
        pace = held.answer.pace or self._pace
        pauses = False
        if last_event_id is None:
            breaks = None if held.streamed else held.answer.breaks
            reply = sse_reply(numbered, pace, dialect, breaks)
            pauses, held.streamed = breaks == "pause", True
        else:
            rest = after(numbered, last_event_id)
            if rest is None:
                return error_reply(400, "invalid_request", f"No event '{last_event_id}' in this interaction.")
            reply = sse_reply(rest, pace, dialect)
        if held.running and held.ready_at_us is None and not pauses:
            held.ready_at_us = now_us + sum(chunk.delay_us for chunk in reply.chunks)
        return reply

    def _body(self, held: Held, steps: list[JsonObject] | None, name: DialectName, extra: JsonObject) -> Reply:
        fields = {**held.fields(), **extra}
        if name == "guide":
            fields |= {"input": held.input, **_echoes(held)}
            if held.status == "failed" and held.answer.errors:
                fields["error"] = held.answer.errors[0]
        pace = held.answer.pace or self._pace
        timing = ("server-timing", f"gfet4t7; dur={pace.first_us // 1000}")
        body = DIALECTS[name].write_body(Snapshot(fields, steps))
        return json_reply(200, body, delay_us=pace.first_us, headers=(timing,))

    def _dialect_of(self, call: Call) -> DialectName:
        if self._dialect != "auto":
            return self._dialect
        agents = f"{call.header('user-agent') or ''} {call.header('x-goog-api-client') or ''}"
        major = _SDK_MAJOR.search(agents)
        return "outputs" if major and int(major[1]) < 2 else "steps"


def _echoes(held: Held) -> JsonObject:
    # What the guide's dialect repeats of the request.
    return {field: held.request[field] for field in _ECHOED if field in held.request}
