"""Cassettes that other people's suites recorded with plain vcrpy play as they are."""

from __future__ import annotations

from pathlib import Path

from tracer.cassettes.format import dumps, loads
from tracer.player.matching import call_of
from tracer.player.tape import Tape, is_retryable
from tracer.wire import routes


def vcr_cassettes(shared: Path) -> list[Path]:
    found = (shared / "recordings").rglob("*.yaml")
    return sorted(path for path in found if path.read_text(encoding="utf-8").startswith("interactions:"))


def test_each_recorded_request_gets_its_recorded_answer(shared: Path) -> None:
    played = 0
    for path in vcr_cassettes(shared):
        exchanges = loads(path.read_text(encoding="utf-8"), path.name)
        tape = Tape(exchanges, polls="as_recorded")
        for exchange in exchanges:
            if exchange.status is None or is_retryable(exchange.status):
                continue
            reply = tape.answer(call_of(exchange), 0)
            assert (reply.status, reply.body) == (exchange.status, exchange.response_body), path
            played += routes.match(exchange.method, exchange.path, exchange.query) is not None
    assert played > 20


def test_they_come_back_whole_from_our_format(shared: Path) -> None:
    for path in vcr_cassettes(shared):
        exchanges = loads(path.read_text(encoding="utf-8"), path.name)
        for before, after in zip(exchanges, loads(dumps(exchanges)), strict=True):
            assert (after.request_body, after.response_body) == (before.request_body, before.response_body), path
            assert (after.origin, after.path, after.query) == (before.origin, before.path, before.query), path
