"""What became of each test's calls, and what replaying them saved; said at the end of the run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from tracer.player.recording import Recording
from tracer.serve.session import Session
from tracer.wire.exchange import Exchange

COLUMNS = ("replayed", "recorded", "missed", "blocked", "unplayed")
_KINDS = ("input", "cached", "output", "thought", "total")
_TOKENS = {kind: re.compile(rf'"total_{kind}_tokens"\s*:\s*(\d+)'.encode()) for kind in _KINDS[:-1]}
_TOKENS["total"] = re.compile(rb'"total_tokens"\s*:\s*(\d+)')
_MODEL = re.compile(rb'"(?:model|agent)"\s*:\s*"([^"]+)"')


def verdict(session: Session, unplayed: Sequence[Recording], fixtures: Sequence[Session]) -> dict[str, Any]:
    """The counts of a session that has ended and of its fixtures; the tokens of what was replayed, by model."""
    sessions = [session, *fixtures]
    replayed = [exchange for one in sessions for exchange in one.replayed]
    blocked = sum(len(one.blocked) for one in sessions)
    return {
        "cassette": str(session.cassette),
        "replayed": len(replayed),
        "recorded": sum(len(one.recorded) for one in sessions),
        "missed": sum(len(one.misses) for one in sessions) - blocked,
        "blocked": blocked,
        "unplayed": len(unplayed),
        "tokens": _tokens(replayed),
        "compare": [command for one in sessions for command in one.compared],
    }


def keep(config: pytest.Config, told: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Leave the verdicts where the screen finds them; that can't be is no reason to fail a run."""
    from tracer.cassettes import verdicts

    with suppress(OSError):
        verdicts.keep(config.rootpath, [verdict for _, verdict in told])


def _tokens(exchanges: Iterable[Exchange]) -> dict[str, dict[str, int]]:
    # Not parsed: this is done for every test, and seldom looked at. A job counts once, however often it is polled.
    bodies = {
        exchange.path if exchange.method == "GET" else exchange.key: exchange
        for exchange in exchanges
        if exchange.method in ("GET", "POST")
    }
    by_model: dict[str, Counter[str]] = {}
    for exchange in bodies.values():
        place = exchange.response_body.rfind(b'"usage"')
        if place < 0:
            continue
        usage = exchange.response_body[place:]
        model = _MODEL.search(exchange.response_body) or _MODEL.search(exchange.request_body)
        counts = by_model.setdefault(model[1].decode("utf-8", "replace") if model else "", Counter())
        for kind, pattern in _TOKENS.items():
            if found := pattern.search(usage):
                counts[kind] += int(found[1])
    return {model: dict(counts) for model, counts in by_model.items()}


def summarize(reporter: pytest.TerminalReporter, told: Sequence[tuple[str, dict[str, Any]]], unplayed: str) -> None:
    """One line when everything was replayed; else, and with -v, a table of the tests."""
    sums = {name: sum(verdict[name] for _, verdict in told) for name in COLUMNS}
    if unplayed == "ignore":
        sums["unplayed"] = 0
    tokens = sum(counts.get("total", 0) for _, verdict in told for counts in verdict["tokens"].values())
    said = [f"{count:,} {name}" for name, count in sums.items() if count or name == "replayed"]
    stale = [(name, verdict) for name, verdict in told if verdict["stale"]]
    notable = [
        (name, verdict)
        for name, verdict in told
        if reporter.verbosity > 0 or any(verdict[column] for column in COLUMNS[1:] if sums[column])
    ]
    if not notable and not stale:
        if reporter.verbosity >= 0:
            reporter.write_line(f"interactions: {', '.join(said)}, {tokens:,} tokens saved")
        return
    reporter.section("interactions", sep="-")
    if notable:
        _table(reporter, notable)
    for name, verdict in stale:
        reporter.write_line(f"{name}: {verdict['cassette']} is {verdict['stale']} days old")
    saved = f"{tokens:,} tokens saved"
    money = cost(verdict["tokens"] for _, verdict in told)
    reporter.write_line(f"{', '.join(said)}; {saved}{f', about ${money:,.4f}' if money else ''}")


def _table(reporter: pytest.TerminalReporter, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    wide = max(4, *(len(name) for name, _ in rows))
    reporter.write_line(f"{'test':<{wide}}  {'  '.join(f'{name:>8}' for name in (*COLUMNS, 'tokens', 'saved'))}")
    for name, verdict in rows:
        tokens = sum(counts.get("total", 0) for counts in verdict["tokens"].values())
        money = cost([verdict["tokens"]])
        cells = [f"{verdict[column] or '-':>8}" for column in COLUMNS]
        cells += [f"{tokens or '-':>8}", f"{f'${money:.4f}' if money else '-':>8}"]
        reporter.write_line(f"{name:<{wide}}  {'  '.join(cells)}")


def cost(spent: Iterable[dict[str, dict[str, int]]]) -> float:
    """What these tokens cost in dollars, as far as prices are known."""
    from tracer.pricing import cost as price
    from tracer.records.usage import Usage

    total = 0.0
    for by_model in spent:
        for model, counts in by_model.items():
            fields = {f"{kind}_tokens": counts.get(kind) for kind in _KINDS}
            total += price(Usage(**fields), model or None).amount or 0.0
    return total
