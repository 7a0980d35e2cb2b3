"""Fixtures of a wider scope than one test: what they ask while they are made stands in a cassette of their own.

Which test makes them depends on order and selection, so it can't stand in that test's cassette.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import TracerError
from tracer.pytest_plugin import active, of_fixtures, opened, session_of
from tracer.pytest_plugin.naming import SUFFIX, cassette_folder, escaped, marker_arguments
from tracer.serve.blocks import start, stop

PREFIX = "fixture."


def made(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Generator[None, Any, Any]:
    """Make a fixture for the marked test that is running; a call that has no recording fails it."""
    item = active[-1]
    arguments = {name: value for name, value in marker_arguments(item).items() if name != "cassette"}
    try:
        session, _ = opened(item, _place(fixturedef, request), arguments)
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    around = item.stash[of_fixtures]
    start(session, over=around[-1] if around and around[-1].running else session_of(item))
    around.append(session)
    session.running = True
    try:
        result = yield
    except BaseException as error:
        for miss in session.misses:
            error.add_note(miss)
        session.close(keep=False)
        raise
    finally:
        session.running = False
        stop(session)
    if session.misses:
        session.close(keep=False)
        pytest.fail("\n".join(session.misses), pytrace=False)
    try:
        session.close(keep=not item.config.getoption("--interactions-live"))
    except TracerError as error:
        pytest.fail(str(error), pytrace=False)
    return result


def _place(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Path:
    config, node = request.config, request.node
    if fixturedef.scope in ("class", "module"):
        file, own = Path(node.path), node.nodeid.split("::")[1:]
    else:
        # One for all its modules: it stands where the fixture was defined.
        base = config.rootpath / fixturedef.baseid.split("::")[0]
        file, own = base if base.suffix == ".py" else base / "conftest.py", []
    parameter = f"[{getattr(request, 'param_index', 0)}]" if fixturedef.params else ""
    name = escaped(".".join([*own, f"{fixturedef.argname}{parameter}"]))
    return cassette_folder(config, file) / file.stem / f"{PREFIX}{name}{SUFFIX}"
