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

MODES = ("none", "once", "new_episodes", "all", "rewrite")
SEVERITIES = ("shape", "behaviour", "wording", "usage")
KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
STAND_IN_KEY = "replayed-without-a-key"

_key_is_ours = pytest.StashKey[bool]()
_survey = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values; all of them begin with `interactions`."""
    group = parser.getgroup("interactions", "Gemini Interactions API (interactions-tracer)")
    group.addoption(
        "--interactions-record",
        choices=MODES,
        default="none",
        help="none: replay cassettes, nothing reaches the service (default); once: record tests that have no cassette; "
        "new_episodes: record what the cassette does not hold; all: record everything again; "
        "rewrite: the same, and cassettes hold nothing else then",
    )
    group.addoption(
        "--interactions-live",
        action="store_true",
        help="let marked tests call the service; nothing is replayed, nothing is written",
    )
    group.addoption(
        "--interactions-verify",
        action="store_true",
        help="run no test: send what the cassettes of marked tests hold to the service, and tell what it answers now",
    )
    group.addoption(
        "--interactions-drift",
        choices=SEVERITIES,
        default="behaviour",
        help="the mildest drift with which --interactions-verify fails (default: behaviour)",
    )
    group.addoption(
        "--interactions-check-orphans",
        action="store_true",
        help="fail if there are cassettes that no test asks for",
    )
    parser.addini(
        "interactions_unplayed",
        "recordings that a passing test did not ask for: ignore, warn (default) or fail",
        default="warn",
    )
    parser.addini(
        "interactions_max_age",
        "how old cassettes may be: '90d' warns, '90d fail' fails, '90d rerecord' records again if it may",
        default="",
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
        "interactions(cassette=None, *, ignore=[], polls='collapse', errors=False, other_hosts='pass'): "
        "replay the test's Interactions API calls from a cassette, or record them (--interactions-record)",
    )
    _check(config)
    config.pluginmanager.register(_Ledger(config), "interactions-ledger")
    live = config.getoption("--interactions-live") or config.getoption("--interactions-verify")
    replays = config.getoption("--interactions-record") == "none" and not live
    if replays and not any(os.environ.get(name) for name in KEY_VARIABLES):
        os.environ[KEY_VARIABLES[0]] = STAND_IN_KEY
        config.stash[_key_is_ours] = True


def _check(config: pytest.Config) -> None:
    unplayed = config.getini("interactions_unplayed")
    if unplayed not in ("ignore", "warn", "fail"):
        raise pytest.UsageError(f"interactions_unplayed is {unplayed!r}: it must be ignore, warn or fail")
    if config.getoption("--interactions-live") and config.getoption("--interactions-record") != "none":
        raise pytest.UsageError("--interactions-live writes nothing: leave --interactions-record out")
    if config.getoption("--interactions-verify") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--interactions-verify runs in one process: leave -n out")
    if config.getoption("--interactions-check-orphans") and any("::" in argument for argument in config.args):
        raise pytest.UsageError("--interactions-check-orphans needs whole files: leave out the names after '::'")


class _Ledger:
    """What the tests of all processes tell of their calls, for the end of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: list[tuple[str, dict[str, Any]]] = []
        self._surveys: list[dict[str, list[str]]] = []
        self._orphans: list[Path] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (verdict := getattr(report, "interactions", None)) is not None:
            self._told.append((report.nodeid, verdict))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        # A worker of pytest-xdist has ended.
        if survey := getattr(node, "workeroutput", {}).get("interactions_survey"):
            self._surveys.append(survey)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        survey = self._config.stash.get(_survey, None)
        if (output := getattr(self._config, "workeroutput", None)) is not None:
            output["interactions_survey"] = survey
            return
        told = [*self._surveys, *([survey] if survey else [])]
        if told and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._orphans = _module("orphans").find(self._config, told)
            if self._orphans:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._told:
            _module("verdicts").summarize(terminalreporter, self._told, self._config.getini("interactions_unplayed"))
            _module("verdicts").keep(self._config, self._told)
        if self._orphans:
            terminalreporter.section("cassettes that no test asks for", sep="-")
            for orphan in self._orphans:
                terminalreporter.write_line(os.path.relpath(orphan, self._config.invocation_params.dir))


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
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remembers which cassettes are in use, before anything is deselected."""
    if config.getoption("--interactions-check-orphans") and not _hidden():
        config.stash[_survey] = _module("orphans").survey(config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Verifies instead of running, if asked to."""
    if not session.config.getoption("--interactions-verify"):
        return None
    if hidden := _hidden():
        raise pytest.UsageError(hidden)
    return bool(_module("drift").verify(session))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Catches the calls of a marked test and of its fixtures."""
    if item.get_closest_marker("interactions") is not None:
        _runner().begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Gives the calls of a fixture of wider scope, made for a marked test, a cassette of its own."""
    running = sys.modules.get("tracer.pytest_plugin")
    if running is None or fixturedef.scope == "function" or not running.active:
        return (yield)
    return (yield from _module("fixtures").made(fixturedef, request))


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Adds to the report of the teardown what became of the test's calls."""
    report = yield
    if call.when == "teardown" and item.get_closest_marker("interactions") is not None and not _hidden():
        verdict = _module("").verdict_of(item)
        if verdict is not None:
            report.interactions = verdict
    return report


def _module(name: str) -> Any:
    return importlib.import_module(f"tracer.pytest_plugin.{name}".rstrip("."))


def _runner() -> Any:
    """The plugin proper."""
    if hidden := _hidden():
        pytest.fail(hidden, pytrace=False)
    return _module("")


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
