"""What happens around a test marked `interactions`; `interactions_tracer_plugin` holds the hooks and the options.

The calls of the test and of its fixtures are caught from the start of its setup to the end of its teardown; those by
which a fixture of wider scope is made belong to the fixture (`fixtures`).
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import TracerError
from tracer.pytest_plugin import age, verdicts
from tracer.pytest_plugin.naming import SUFFIX, again, cassette_path, marker_arguments
from tracer.serve import transport
from tracer.serve.blocks import start, stop
from tracer.serve.session import Mode, Session
from tracer.settings import scrub_rules

__all__ = [
    "SUFFIX",
    "active",
    "begin",
    "cassette_path",
    "end",
    "marker_arguments",
    "of_fixtures",
    "opened",
    "session_of",
    "verdict_of",
    "watched",
]

_session = pytest.StashKey[Session]()
_told = pytest.StashKey[int]()
_failed = pytest.StashKey[bool]()
_verdict = pytest.StashKey[dict[str, Any]]()
_rewritten = pytest.StashKey[set[Path]]()
of_fixtures = pytest.StashKey[list[Session]]()
"""The sessions of fixtures of wider scope that began with a test."""
active: list[pytest.Item] = []
"""The marked test that is running, if any."""


def begin(item: pytest.Item) -> None:
    """Read the cassette and catch calls from now on; a cassette that can't be read fails the test."""
    arguments = marker_arguments(item)
    path = cassette_path(item, arguments.pop("cassette", None))
    try:
        session, stale = opened(item, path, arguments)
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    limit = age.limit(item.config)
    if stale and limit and limit.then == "fail":
        pytest.fail(f"{path} is {stale} days old, {limit.text}: {again(item, 'rewrite')}", pytrace=False)
    item.stash[_session], item.stash[_told], item.stash[_failed] = session, 0, False
    item.stash[_verdict] = {"stale": stale or 0}
    item.stash[of_fixtures] = []
    start(session)
    active.append(item)


def opened(item: pytest.Item, path: Path, arguments: dict[str, Any]) -> tuple[Session, int | None]:
    """The session for a cassette in the mode of this run, and its age in days if that is past the limit.

    Raises TracerError.
    """
    config = item.config
    mode: Mode = "all" if config.getoption("--interactions-live") else config.getoption("--interactions-record")
    rewritten = config.stash.setdefault(_rewritten, set())
    fixed: Any = {
        "hosts": config.getini("interactions_hosts"),
        "scrub": scrub_rules(config.rootpath),
        "remedy": f"record it: {again(item, 'all' if path.exists() else 'once')}",
        **arguments,
    }
    limit = age.limit(config)
    # A cassette that tests share is rewritten by the first of them only.
    chosen: Mode = "all" if mode == "rewrite" and path in rewritten else mode
    session = Session(path, mode=chosen, **fixed)
    stale = age.days_too_old(session.held, limit) if limit and mode not in ("all", "rewrite") else None
    if stale and limit and limit.then == "rerecord" and mode in ("once", "new_episodes"):
        session, stale = Session(path, mode="rewrite", **fixed), None
    if session.mode == "rewrite":
        rewritten.add(path)
    return session, stale


def session_of(item: pytest.Item) -> Session:
    """The session of a test that has begun."""
    return item.stash[_session]


def verdict_of(item: pytest.Item) -> dict[str, Any] | None:
    """What became of a test's calls, once it has ended; plain data, so that it can cross processes."""
    verdict = item.stash.get(_verdict, None)
    return verdict if verdict and "replayed" in verdict else None


def watched(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run the test; misses fail it, or are noted on the error that it failed with."""
    session = item.stash[_session]
    # Fixtures of other recorders may have wrapped the transports since: come back on top.
    transport.install(session)
    item.stash[_failed] = True
    try:
        result = yield
    except pytest.skip.Exception:
        _fail_on(_new_misses(item))
        raise
    except Exception as error:
        for miss in _new_misses(item):
            error.add_note(miss)
        raise
    _fail_on(_new_misses(item))
    item.stash[_failed] = False
    return result


def end(item: pytest.Item) -> None:
    """Let calls through again and write what was recorded; what can't be kept fails the test."""
    session = item.stash.get(_session, None)
    if session is None:
        return
    del item.stash[_session]
    active.remove(item)
    stop(session)
    failed = item.stash[_failed]
    misses = session.misses[item.stash[_told] :]
    live = item.config.getoption("--interactions-live")
    unplayed = [] if failed or session.misses or live or _is_shared(item) else session.unplayed
    try:
        session.close(failed=failed, keep=not live)
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        made: list[Session] = item.stash[of_fixtures]
        item.stash[_verdict] |= verdicts.verdict(session, unplayed, made)
    _fail_on(misses)
    if unplayed and item.config.getini("interactions_unplayed") == "fail":
        first = unplayed[0].exchange
        pytest.fail(
            f"{session.cassette} holds {len(unplayed)} recordings that the test did not ask for, the first of them "
            f"{first.method} {first.path}; without them: {again(item, 'rewrite')}",
            pytrace=False,
        )


def _is_shared(item: pytest.Item) -> bool:
    # What one test leaves may be another one's.
    return "cassette" in marker_arguments(item)


def _new_misses(item: pytest.Item) -> list[str]:
    session = item.stash[_session]
    misses = session.misses[item.stash[_told] :]
    item.stash[_told] = len(session.misses)
    return misses


def _fail_on(misses: list[str]) -> None:
    if misses:
        pytest.fail("\n".join(misses), pytrace=False)
