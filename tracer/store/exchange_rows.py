"""Rows of the `exchange` table: made of an exchange and what identity read in it, and back."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from tracer.identity import Facts, storable
from tracer.wire.exchange import Chunk, Exchange, Outcome

FACTS = (
    "key, project, origin, operation, interaction_id, previous_id, fingerprint, sent_token, given_tokens, "
    "started_at_us, ended_at_us, retry_until_us, first_attempt, record"
)
"""The columns that `known_of` takes."""
_META = ("account", "query", "request_headers", "response_headers", "headers_at_us", "error", "notes")
_EXACT = ("path", "method", "origin")


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of a stored exchange and the record it is part of so far."""

    facts: Facts
    record: str | None


class StoredRow(NamedTuple):
    """A whole row; times in microseconds of Unix time, sizes in bytes on the wire."""

    seq: int
    key: str
    project: str
    run: str | None
    origin: str
    method: str
    path: str
    status: int | None
    outcome: str
    started_at_us: int
    ended_at_us: int | None
    request_size: int
    response_size: int
    meta: str
    chunks: bytes
    request_hash: bytes | None
    response_hash: bytes | None


STORED = ", ".join(StoredRow._fields)
"""The columns of a `StoredRow`."""


def columns_of(exchange: Exchange, facts: Facts | None) -> dict[str, Any]:
    """Column -> value, without the chunks and the hashes of the bodies, which are stored apart."""
    meta = {name: getattr(exchange, name) for name in _META}
    exact = {name: getattr(exchange, name) for name in _EXACT}
    meta |= {name: value for name, value in exact.items() if storable(value) != value}
    return {
        "project": exchange.project or "",
        "key": exchange.key,
        "kind": "interaction" if facts else "other",
        "run": exchange.run,
        **{name: storable(value) for name, value in exact.items()},
        "status": exchange.status,
        "outcome": exchange.outcome.value,
        "started_at_us": exchange.started_at_us,
        "ended_at_us": None if exchange.ended_at_us is None else exchange.started_at_us + exchange.ended_at_us,
        "request_size": exchange.request_size,
        "response_size": exchange.response_size,
        "meta": json.dumps(meta, separators=(",", ":")),
        **fact_columns(facts),
    }


def exchange_of(row: StoredRow, request: bytes, response: bytes, chunks: tuple[Chunk, ...]) -> Exchange:
    """The exchange of a row, whose bodies and chunks were loaded."""
    rest = json.loads(row.meta)
    for name in ("query", "request_headers", "response_headers"):
        rest[name] = tuple((header, value) for header, value in rest[name])
    return Exchange(
        key=row.key,
        run=row.run,
        project=row.project or None,
        status=row.status,
        outcome=Outcome(row.outcome),
        started_at_us=row.started_at_us,
        ended_at_us=None if row.ended_at_us is None else row.ended_at_us - row.started_at_us,
        request_size=row.request_size,
        response_size=row.response_size,
        request_body=request,
        response_body=response,
        chunks=chunks,
        **{name: getattr(row, name) for name in _EXACT} | rest | {"notes": tuple(rest["notes"])},
    )


def fact_columns(facts: Facts | None) -> dict[str, Any]:
    """The columns that hold what identity read; all None for a call that is no Interactions call."""
    names = ("operation", "interaction_id", "previous_id", "fingerprint", "sent_token", "retry_until_us")
    given = json.dumps(facts.given_tokens) if facts and facts.given_tokens else None
    first = int(facts.first_attempt) if facts else None
    return {**{name: getattr(facts, name, None) for name in names}, "given_tokens": given, "first_attempt": first}


@functools.lru_cache(maxsize=8192)
def known_of(row: tuple[Any, ...]) -> Known:
    """What the columns `FACTS` say."""
    key, project, origin, operation, interaction_id, previous_id, fingerprint, sent, given, *times, record = row
    facts = Facts(
        key=key,
        project=project,
        origin=origin,
        operation=operation,
        interaction_id=interaction_id,
        previous_id=previous_id,
        fingerprint=fingerprint,
        sent_token=sent,
        given_tokens=tuple(json.loads(given)) if given else (),
        started_at_us=times[0],
        ended_at_us=times[1],
        retry_until_us=times[2],
        first_attempt=bool(times[3]),
    )
    return Known(facts, record)
