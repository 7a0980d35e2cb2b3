"""A request that no recording answered, kept so that `tracer diff` can show it beside the nearest recording."""

from __future__ import annotations

import os
import shlex
import time
from contextlib import suppress
from pathlib import Path

from tracer.cassettes import jsonl
from tracer.cassettes.index import cache_folder
from tracer.player.reply import Call
from tracer.player.tape import redacted
from tracer.wire import routes
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.keys import content_key
from tracer.wire.redact import Redactor

_MOST = 200
"""Files; older ones go."""


def command(call: Call, cassette: Path, nearest: int) -> str | None:
    """The command that compares a call with a recording; None if the call can't be kept."""
    with suppress(OSError):
        shown = os.path.relpath(cassette) if cassette.is_relative_to(Path.cwd()) else str(cassette)
        return f"tracer diff {shlex.quote(f'{shown}#{nearest}')} {shlex.quote(str(_kept(call)))}"
    return None


def _kept(call: Call) -> Path:
    headers = Redactor(path=call.path, query=call.query, headers=call.headers).headers(call.headers)
    clean = redacted(call)
    at_us = time.time_ns() // 1000
    key = content_key(0, clean.method.encode(), clean.path.encode("utf-8", "replace"), clean.body)
    asked = Exchange(
        key=key,
        origin=routes.GEMINI_ORIGIN,
        started_at_us=at_us,
        method=clean.method,
        path=clean.path,
        query=clean.query,
        request_headers=headers,
        request_body=clean.body,
        request_size=len(clean.body),
        outcome=Outcome.FAILED,
        error="no recording answers this request",
    )
    folder = cache_folder().parent / "misses"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{key}.jsonl"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as text:
        text.write(jsonl.dump_line(asked) + "\n")
    _prune(folder)
    return file


def _prune(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-_MOST]:
        file.unlink(missing_ok=True)
