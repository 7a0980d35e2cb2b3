"""The pytest entry point, under a name that nobody else has; everything else is imported by a marked test.

A module or package called `tracer` in the user's folder hides ours under `python -m pytest`. Unmarked tests then run
as ever, and marked ones fail with one sentence that says so.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

MODES = ("none", "once", "new_episodes", "all")
KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
STAND_IN_KEY = "replayed-without-a-key"

_key_is_ours = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values; all of them begin with `interactions`."""
    group = parser.getgroup("interactions", "Gemini Interactions API (interactions-tracer)")
    group.addoption(
        "--interactions-record",
        choices=MODES,
        default="none",
        help="none: replay cassettes, nothing reaches the service (default); once: record tests that have no cassette; "
        "new_episodes: record what the cassette does not hold; all: record everything again",
    )
    parser.addini(
        "interactions_cassette_dir",
        "folder for all cassettes, below the root folder (default: `cassettes` beside each test file)",
        default="",
    )
    parser.addini(
        "interactions_hosts",
        "more hosts, as `host` or `host:port`, whose calls are Interactions calls",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker, and puts a stand-in key where replaying tests build their clients."""
    config.addinivalue_line(
        "markers",
        "interactions(cassette=None, *, ignore=[], polls='collapse', errors=False): "
        "replay the test's Interactions API calls from a cassette, or record them (--interactions-record)",
    )
    replays = config.getoption("--interactions-record") == "none"
    if replays and not any(os.environ.get(name) for name in KEY_VARIABLES):
        os.environ[KEY_VARIABLES[0]] = STAND_IN_KEY
        config.stash[_key_is_ours] = True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Takes the stand-in key away again."""
    if config.stash.get(_key_is_ours, False) and os.environ.get(KEY_VARIABLES[0]) == STAND_IN_KEY:
        del os.environ[KEY_VARIABLES[0]]
    if (children := sys.modules.get("tracer.serve.children")) is not None:
        children.close()


def pytest_report_header() -> str | None:
    """Says so when another `tracer` hides ours."""
    return _hidden()


@pytest.fixture
def interactions(request: pytest.FixtureRequest) -> Any:
    """The test's calls so far: `.records`, `.requests`, `.exchanges`, and the path of its `.cassette`."""
    if request.node.get_closest_marker("interactions") is None:
        pytest.fail("the fixture 'interactions' needs the marker: @pytest.mark.interactions", pytrace=False)
    return _runner().session_of(request.node)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Catches the calls of a marked test and of its fixtures."""
    if item.get_closest_marker("interactions") is not None:
        _runner().begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fails a marked test that asked for what was not recorded, even if it swallowed the error."""
    if item.get_closest_marker("interactions") is None:
        return (yield)
    return (yield from _runner().watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    """Stops catching, and writes what was recorded."""
    try:
        return (yield)
    finally:
        if item.get_closest_marker("interactions") is not None and not _hidden():
            _runner().end(item)


def _runner() -> Any:
    """The plugin proper."""
    if hidden := _hidden():
        pytest.fail(hidden, pytrace=False)
    return importlib.import_module("tracer.pytest_plugin")


def _hidden() -> str | None:
    """A sentence if `import tracer` would find a stranger."""
    ours = Path(__file__).with_name("tracer") / "__init__.py"
    loaded = sys.modules.get("tracer")
    if loaded is not None:
        found = getattr(loaded, "__file__", None)
    else:
        spec = importlib.util.find_spec("tracer")
        found = spec.origin if spec else None
    if found is not None and Path(found).resolve() == ours.resolve():
        return None
    return (
        f"interactions-tracer: {found or 'another module'} hides the package 'tracer', so tests marked 'interactions' "
        "can't run; rename it, or take its folder off the import path"
    )
