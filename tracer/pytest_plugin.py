"""What happens around a test marked `interactions`; `interactions_tracer_plugin` holds the hooks and the options.

The calls of the test and of its fixtures are caught from the start of its setup to the end of its teardown.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tracer.errors import TracerError
from tracer.serve import transport
from tracer.serve.session import Session, start, stop

SUFFIX = ".interactions.yaml"
_LONGEST_NAME = 180

_session = pytest.StashKey[Session]()
_told = pytest.StashKey[int]()


def begin(item: pytest.Item) -> None:
    """Read the cassette and catch calls from now on; a cassette that can't be read fails the test."""
    arguments = marker_arguments(item)
    path = cassette_path(item, arguments.pop("cassette", None))
    mode = item.config.getoption("--interactions-record")
    again = "all" if path.exists() else "once"
    try:
        session = Session(
            path,
            mode=mode,
            hosts=item.config.getini("interactions_hosts"),
            remedy=f"record it: {_command(item, again)}",
            **arguments,
        )
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    item.stash[_session] = session
    item.stash[_told] = 0
    start(session)


def session_of(item: pytest.Item) -> Session:
    """The session of a test that has begun."""
    return item.stash[_session]


def watched(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run the test; misses fail it, or are noted on the error that it failed with."""
    session = item.stash[_session]
    # Fixtures of other recorders may have wrapped the transports since: come back on top.
    transport.install(session)
    try:
        result = yield
    except pytest.skip.Exception:
        _fail_on_misses(item)
        raise
    except Exception as error:
        for miss in _new_misses(item):
            error.add_note(miss)
        raise
    _fail_on_misses(item)
    return result


def end(item: pytest.Item) -> None:
    """Let calls through again and write what was recorded; what can't be kept fails the test."""
    session = item.stash.get(_session, None)
    if session is None:
        return
    del item.stash[_session]
    stop(session)
    try:
        session.close()
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    _fail_on(session.misses[item.stash[_told] :])


def marker_arguments(item: pytest.Item) -> dict[str, Any]:
    """The marker's arguments: those nearest to the test win, `ignore` adds up over module, class and function."""
    merged: dict[str, Any] = {}
    ignore: list[str] = []
    for marker in reversed(list(item.iter_markers("interactions"))):
        try:
            arguments = _signature(*marker.args, **marker.kwargs)
        except TypeError as error:
            pytest.fail(f"@pytest.mark.interactions: {str(error).replace('_signature()', 'it')}", pytrace=False)
        ignore += arguments.pop("ignore", ())
        merged |= arguments
    if merged.get("polls", "collapse") not in ("collapse", "as_recorded"):
        pytest.fail(
            f"@pytest.mark.interactions: polls is {merged['polls']!r}: it must be 'collapse' or 'as_recorded'",
            pytrace=False,
        )
    return {**merged, "ignore": ignore}


def _signature(cassette: str | None = None, **arguments: Any) -> dict[str, Any]:
    for name in arguments.keys() - {"ignore", "polls", "errors"}:
        raise TypeError(f"it has no argument {name!r}: cassette, ignore, polls and errors are known")
    return arguments if cassette is None else {"cassette": cassette, **arguments}


def cassette_path(item: pytest.Item, name: str | None = None) -> Path:
    """Where a test's cassette is: in the test's own file, or in one that `name` gives and other tests may share.

    A name ending in `.yaml` is a path beside the test file; any other stands in the cassette folder.
    """
    if name and name.endswith((".yaml", ".yml")):
        return item.path.parent / name
    folder = item.path.parent / "cassettes"
    if chosen := item.config.getini("interactions_cassette_dir"):
        folder = item.config.rootpath / chosen
        if item.path.is_relative_to(item.config.rootpath):
            folder /= item.path.parent.relative_to(item.config.rootpath)
    if name:
        return folder / f"{name}{SUFFIX}"
    own_name = ".".join(item.nodeid.split("::", 1)[-1].split("::"))
    return folder / item.path.stem / f"{_escaped(own_name)}{SUFFIX}"


def _escaped(name: str) -> str:
    """A test's name as a file name on any system; long ones are cut and told apart by a hash."""
    escaped = quote(name, safe="[]-_.,=+@")
    if len(escaped) <= _LONGEST_NAME:
        return escaped
    return f"{escaped[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _command(item: pytest.Item, mode: str) -> str:
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    rest = item.nodeid.partition("::")[2]
    return f"pytest {shlex.quote(f'{file}::{rest}' if rest else file)} --interactions-record={mode}"


def _new_misses(item: pytest.Item) -> list[str]:
    session = item.stash[_session]
    misses = session.misses[item.stash[_told] :]
    item.stash[_told] = len(session.misses)
    return misses


def _fail_on_misses(item: pytest.Item) -> None:
    _fail_on(_new_misses(item))


def _fail_on(misses: list[str]) -> None:
    if misses:
        pytest.fail("\n".join(misses), pytrace=False)
