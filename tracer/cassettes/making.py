"""From recorded interactions to the smallest cassette that replays them, and to a test that does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pprint import pformat
from typing import Any

from tracer.cassettes.format import uri
from tracer.errors import CassetteError
from tracer.player.recording import Recording
from tracer.player.tape import is_retryable
from tracer.records.interaction import Interaction
from tracer.wire.exchange import Exchange, Headers, Outcome

_REQUEST_HEADERS = {"content-type", "user-agent", "x-goog-api-client"}
_RESPONSE_HEADERS = {"content-type"}
_WIDTH = 100

_TEST = """# Made from a recording of {name}.
# The requests are those of the recorded app: put a call of your own app in their place.

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest

REQUESTS: list[tuple[str, str, Any]] = {requests}


@pytest.mark.interactions(cassette={cassette!r}, polls="as_recorded")
def test_{function}(interactions: Any) -> None:
    for method, url, body in REQUESTS:
        # A recorded stream that was cut is cut again.
        with contextlib.suppress(httpx.RemoteProtocolError):
            httpx.request(method, url, json=body)

    records = interactions.records
    assert [record.status for record in records] == {statuses}
    calls = [step for record in records for step in record.output if step.type == "function_call"]
    assert [(call.name, call.arguments) for call in calls] == {calls}
    assert [record.output_text for record in records] == {texts}
"""


def minimal(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """What a replay needs of interactions' exchanges, by start.

    Attempts that were made good, gets between two states of a job that say the same, and headers that only tell of
    the moment and the machine are left out. Raises CassetteError if nothing is left.
    """
    answered = sorted(
        (one for one in exchanges if one.status is not None), key=lambda one: (one.started_at_us, one.key)
    )
    recordings = [Recording.of(exchange) for exchange in answered if exchange.outcome is not Outcome.OPEN]
    good = {recording.key for recording in recordings if not is_retryable(recording.status)}
    kept = [one for one in recordings if not is_retryable(one.status) or one.key not in good]
    last: list[Exchange] = []
    for _, group in groupby(kept, key=lambda one: one.key if one.operation == "get" else id(one)):
        *_, recording = group
        last.append(_bare(recording.exchange))
    if not last:
        raise CassetteError("the interaction has no answer that could be replayed: choose another one")
    return last


def test_of(cassette: str, name: str, exchanges: Sequence[Exchange], records: Sequence[Interaction]) -> str:
    """The text of a pytest file that replays `exchanges` from `cassette` and holds what they gave then."""
    requests = [(one.method, uri(one), _parsed(one.request_body)) for one in exchanges]
    calls = [
        (step.get("name"), step.get("arguments"))
        for record in records
        for step in (step.model_dump(mode="json") for step in record.output)
        if step["type"] == "function_call"
    ]
    return _TEST.format(
        name=json.dumps(name, ensure_ascii=False),
        cassette=cassette,
        function=_identifier(name),
        requests=_python(requests, 0),
        statuses=_python([record.status for record in records], 4),
        calls=_python(calls, 4),
        texts=_python([record.output_text for record in records], 4),
    )


def _bare(exchange: Exchange) -> Exchange:
    return replace(
        exchange,
        run=None,
        project=None,
        account=None,
        request_headers=_kept(exchange.request_headers, _REQUEST_HEADERS),
        response_headers=_kept(exchange.response_headers, _RESPONSE_HEADERS),
    )


def _kept(headers: Headers, names: set[str]) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() in names)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")


def _python(value: Any, indent: int) -> str:
    text = pformat(value, width=_WIDTH - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent)


def _identifier(name: str) -> str:
    words = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    return words[:60].rstrip("_") or "conversation"
