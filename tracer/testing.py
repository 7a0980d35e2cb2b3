"""Builders for tests, ours and the user's: exchanges, event streams and emulators that look like the service's.

create = exchange({"model": "gemini-3.5-flash", "input": "Hi"}, answer("v1_a", text="Hello."))
stream = exchange({"model": "gemini-3.5-flash", "input": "Hi", "stream": True}, text_stream("v1_b", ["Hel", "lo."]))
with emulator(rule("It is sunny.", contains="weather")) as server: ...
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.wire import sse
from tracer.wire.exchange import Chunk, Exchange, Outcome
from tracer.wire.keys import content_key

if TYPE_CHECKING:
    from tracer.player.script.model import Rule, Script
    from tracer.serve.server import Server

START_US = 1_795_338_000_000_000
"""2026-11-22T09:00:00Z, the moment at which built exchanges start unless told otherwise."""

USAGE = {"total_input_tokens": 12, "total_output_tokens": 7, "total_thought_tokens": 22, "total_tokens": 41}


def answer(interaction_id: str | None, *, text: str | None = None, **fields: Any) -> dict[str, Any]:
    """An interaction object in the steps dialect; `fields` override (`status`, `steps`, `usage`, ...)."""
    steps = [] if text is None else [{"type": "model_output", "content": [{"type": "text", "text": text}]}]
    body = {"object": "interaction", "model": "gemini-3.5-flash", "status": "completed", "steps": steps, "usage": USAGE}
    head = {} if interaction_id is None else {"id": interaction_id}
    return {**head, **body, **fields}


def function_call(call_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A `function_call` step."""
    return {"type": "function_call", "id": call_id, "name": name, "arguments": arguments}


def function_result(call_id: str, name: str, result: Any) -> dict[str, Any]:
    """A `function_result` step, as an app sends it."""
    return {"type": "function_result", "call_id": call_id, "name": name, "result": result}


def text_stream(interaction_id: str, pieces: Sequence[str], *, ended: bool = True) -> list[dict[str, Any]]:
    """The event payloads of a streamed answer in the steps dialect; without its terminal event if not `ended`."""
    head = {"id": interaction_id, "object": "interaction", "model": "gemini-3.5-flash"}
    events: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {**head, "status": "in_progress"}},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
    ]
    events += [{"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": piece}} for piece in pieces]
    if ended:
        events.append({"event_type": "step.stop", "index": 0})
        finished = {**head, "status": "completed", "usage": USAGE}
        events.append({"event_type": "interaction.completed", "interaction": finished})
    return events


def sse_chunks(payloads: Iterable[dict[str, Any]], *, done: bool = True) -> list[bytes]:
    """Each payload framed as a server-sent event, then the end marker."""
    chunks = [sse.encode(json.dumps(payload), payload.get("event_type")) for payload in payloads]
    return [*chunks, sse.encode_done()] if done else chunks


def exchange(
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | list[dict[str, Any]] | bytes | None = None,
    *,
    method: str | None = None,
    path: str | None = None,
    query: tuple[tuple[str, str], ...] = (),
    status: int | None = 200,
    at_us: int = START_US,
    took_us: int = 1_000_000,
    outcome: Outcome = Outcome.COMPLETE,
    done: bool | None = None,
    **fields: Any,
) -> Exchange:
    """One exchange: a create if there is a request body, else a get of `path`.

    A response that is a list becomes an event stream, one chunk an event, spread evenly over `took_us`; `done`
    says whether it ends with the marker (by default if the outcome is complete). `fields` go into the `Exchange`.
    """
    body = b"" if request is None else json.dumps(request).encode()
    if isinstance(response, list):
        pieces = sse_chunks(response, done=outcome is Outcome.COMPLETE if done is None else done)
        content_type = "text/event-stream"
    else:
        raw = response if isinstance(response, bytes) else b"" if response is None else json.dumps(response).encode()
        pieces = [raw] if raw else []
        content_type = "application/json"
    path = path or "/v1/interactions"
    method = method or ("POST" if request is not None else "GET")
    step = took_us // (len(pieces) + 1)
    chunks = tuple(Chunk(step * (n + 1), len(piece), len(piece)) for n, piece in enumerate(pieces))
    answered = status is not None
    defaults: dict[str, Any] = {
        "key": content_key(at_us, method.encode(), path.encode(), body, b"".join(pieces)),
        "run": "0" * 32,
        "project": "test",
        "origin": "https://generativelanguage.googleapis.com",
        "request_headers": (
            ("content-type", "application/json"),
            ("x-goog-api-client", "google-genai-sdk/3.4.0 gl-python/3.13.0"),
            ("user-agent", "google-genai-sdk/3.4.0 gl-python/3.13.0"),
        ),
        "request_size": len(body),
        "response_headers": (("content-type", content_type),) if answered else (),
        "headers_at_us": step // 2 if answered else None,
        "response_body": b"".join(pieces),
        "response_size": sum(map(len, pieces)),
        "chunks": chunks,
        "ended_at_us": None if outcome is Outcome.OPEN else took_us,
    }
    return Exchange(
        started_at_us=at_us,
        method=method,
        path=path,
        query=query,
        request_body=body,
        status=status,
        outcome=outcome,
        **{**defaults, **fields},
    )


def rule(then: Any, *, name: str | None = None, times: int | None = None, **when: Any) -> Rule:
    """A rule of an emulator's script; `then` and the words of `when` are those of docs/emulator.md.

    rule("It is sunny.", contains="weather")
    rule([{"thought": "Look it up"}, {"call": "get_weather"}], turn=1, model="gemini-2.5-*")
    rule({"error": {"status": 429, "retry_after": 1}}, times=2)

    Steps may also be the service's own (`function_call(...)`), media may be bytes. Raises ScriptError.
    """
    from tracer.player.script.model import Rule
    from tracer.player.script.reader import validated

    asked = {"name": name, "when": when, "then": then, "times": times}
    return validated(Rule, asked, f"the rule {name!r}" if name else "the rule", read=_content)


def script(*rules: Rule, strict: bool = False) -> Script:
    """A script: the first rule that fits answers. What none fits is answered as without it, or refused if `strict`."""
    from tracer.player.script.model import Script

    return Script(rules=list(rules), strict=strict)


@contextmanager
def emulator(
    *rules: Rule,
    strict: bool = False,
    seed: int | None = 1,
    faults: Iterable[str] = (),
    **options: Any,
) -> Iterator[Server]:
    """A running emulator, `url` is its base URL; without rules it answers sensibly. `faults` as `--fault` has them.

    `options` are those of `tracer.serve.emulator.Options`. With a seed its clock is virtual and everything repeats.
    """
    from tracer.player.stream import Pace
    from tracer.serve import emulator as emulators
    from tracer.serve.faults import parse_fault

    told: dict[str, Any] = {"pace": Pace(0, 0), **options}
    if rules or strict:
        told["script"] = script(*rules, strict=strict)
    chosen = emulators.Options(seed=seed, faults=[parse_fault(text) for text in faults], **told)
    with emulators.emulator(chosen) as server:
        yield server


def _content(name: str) -> bytes:
    return Path(name).read_bytes()
