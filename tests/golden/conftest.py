"""Real recordings, understood: the records of each file in ../shared/recordings, and their response bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracer import identity
from tracer.cassettes.raw import read_raw
from tracer.errors import WireError
from tracer.fold import fold
from tracer.records.interaction import Interaction
from tracer.wire import routes
from tracer.wire.exchange import Exchange

type Group = list[Exchange]


@pytest.fixture(scope="session")
def recordings(shared: Path) -> dict[str, list[Group]]:
    """Path below ../shared/recordings -> the exchanges of each interaction in it."""
    folder = shared / "recordings"
    files = sorted(path for path in folder.glob("*/interactions/**/*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _groups(path) for path in files}


@pytest.fixture(scope="session")
def understood(recordings: dict[str, list[Group]]) -> dict[str, list[tuple[Group, Interaction]]]:
    """The same, each group with its record. Cost is left out: prices change with the day."""
    return {path: [(group, fold(group)) for group in groups] for path, groups in recordings.items()}


def _groups(path: Path) -> list[Group]:
    try:
        exchanges = read_raw(path.read_bytes(), path.name)
    except WireError:
        # One recording was cut off when it was quoted in a guide.
        assert path.name == "interactions-agents.1.txt"
        return []
    if all(routes.match(one.method, one.path, one.query) is None for one in exchanges):
        return [[one] for one in exchanges]
    by_key = {one.key: one for one in exchanges}
    facts = [fact for one in exchanges if (fact := identity.read(replace(one, ended_at_us=0))) is not None]
    return [[by_key[fact.key] for fact in group.facts] for group in identity.group(facts)]


@pytest.fixture(scope="session")
def leaves() -> Callable[[Any], list[tuple[str, Any]]]:
    """The values of a JSON value that are neither object nor list nor null, each with its path (`[]` for any place)."""
    return _leaves


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        inner = [(f"{path}.{name}" if path else name, held) for name, held in value.items()]
        return [leaf for name, held in inner for leaf in _leaves(held, name)]
    if isinstance(value, list):
        return [leaf for held in value for leaf in _leaves(held, f"{path}[]")]
    return [] if value is None else [(path, value)]
