"""A database, and a tiny stand-in for the normaliser that is quick enough for many thousand records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tracer.records.interaction import Interaction, InteractionError, Timing
from tracer.records.steps import parse_step
from tracer.records.usage import Cost, Usage
from tracer.wire.exchange import Exchange, Outcome


def tiny_normalize(
    exchanges: Sequence[Exchange], *, key: str | None = None, tags: Mapping[str, str] | None = None
) -> Interaction:
    ordered = sorted(exchanges, key=lambda each: (each.started_at_us, each.key))
    asked: dict[str, Any] = next((json.loads(each.request_body) for each in ordered if each.request_body), {})
    answers = [_answer(each) for each in ordered]
    last: dict[str, Any] = next((each for each in reversed(answers) if each), {})
    failed = [each.status for each in ordered if each.status and each.status >= 400]
    error = InteractionError(http_status=failed[-1]) if failed and failed[-1] == ordered[-1].status else None
    steps = [parse_step(step) for step in last.get("steps", ())]
    said = asked.get("input")
    return Interaction(
        key=key or ordered[0].key,
        id=last.get("id"),
        upstream=ordered[0].origin,
        project=ordered[0].project,
        run=ordered[0].run,
        tags=dict(tags or {}),
        dialect="steps",
        model=asked.get("model"),
        status=last.get("status"),
        state="in_flight" if ordered[-1].outcome is Outcome.OPEN else "error" if error else "complete",
        background=bool(asked.get("background")),
        input=[parse_step(step) for step in said]
        if isinstance(said, list)
        else [parse_step({"type": "user_input", "content": said})]
        if isinstance(said, str)
        else [],
        output=steps,
        output_text="".join(_texts(last)) or None,
        usage=Usage(total_tokens=last["usage"]["total_tokens"]) if "usage" in last else None,
        cost=Cost(amount=0.25, currency="USD", source="test") if "usage" in last else Cost(reason="no usage"),
        timing=Timing(started_at="2026-11-22T09:00:00Z", duration_ms=(ordered[-1].ended_at_us or 0) / 1000),
        error=error,
        polls=sum(each.method == "GET" for each in ordered),
        retries=len(failed),
    )


def _answer(exchange: Exchange) -> dict[str, Any]:
    try:
        body = json.loads(exchange.response_body or b"{}")
    except ValueError:
        return {}
    return body if exchange.status == 200 else {}


def _texts(answer: dict[str, Any]) -> list[str]:
    return [part["text"] for step in answer.get("steps", ()) for part in step.get("content", ()) if "text" in part]


@pytest.fixture
def normalize() -> Any:
    return tiny_normalize


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tracer.db"
