"""What became of each cassette when tests last used it, for the screen: one small file per project folder."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tracer.cassettes.index import cache_folder

COUNTS = ("replayed", "recorded", "missed", "unplayed")
MOST_FOLDERS = 50


@dataclass(slots=True)
class Verdict:
    """The last run's calls of one cassette."""

    cassette: str
    at_us: int
    replayed: int = 0
    recorded: int = 0
    missed: int = 0
    unplayed: int = 0
    compare: list[tuple[str, str]] = field(default_factory=list)
    """Of each miss the nearest recording and the request that it missed, as `tracer diff` names them."""


def keep(folder: Path, told: Iterable[Mapping[str, Any]]) -> None:
    """Keep the verdicts of a run in a project folder; cassettes that it did not use keep theirs. Raises OSError."""
    now = time.time_ns() // 1000
    fresh: dict[str, Verdict] = {}
    for one in told:
        path = str(Path(one["cassette"]).absolute())
        verdict = fresh.setdefault(path, Verdict(path, now))
        for name in COUNTS:
            setattr(verdict, name, getattr(verdict, name) + one[name])
        verdict.compare += [pair for text in one.get("compare", ()) if (pair := _pair(text)) is not None]
    kept = {verdict.cassette: verdict for verdict in of_folder(folder)} | fresh
    file = _file(folder)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as text:
        json.dump([asdict(verdict) for verdict in kept.values() if Path(verdict.cassette).exists()], text)
    part.replace(file)
    for old in sorted(file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)[:-MOST_FOLDERS]:
        old.unlink(missing_ok=True)


def of_folder(folder: Path) -> list[Verdict]:
    """The verdicts of a project folder, those of the newest run first; none if there are none that can be read."""
    try:
        told = json.loads(_file(folder).read_text(encoding="utf-8"))
        found = [Verdict(**{**one, "compare": [(a, b) for a, b in one["compare"]]}) for one in told]
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return sorted(found, key=lambda verdict: (-verdict.at_us, -verdict.missed, verdict.cassette))


def _file(folder: Path) -> Path:
    name = blake2b(os.fsencode(folder.absolute()), digest_size=12).hexdigest()
    return cache_folder().parent / "verdicts" / f"{name}.json"


def _pair(command: str) -> tuple[str, str] | None:
    """The two sides of a `tracer diff A B`, with A's path whole."""
    words = shlex.split(command)
    if words[:2] != ["tracer", "diff"] or len(words) != 4:
        return None
    path, mark, number = words[2].rpartition("#")
    return f"{Path(path).absolute()}{mark}{number}", words[3]
