"""`docs/coverage.md`: which systems of the guide are proved where, as the tests that passed say.

A test with `@pytest.mark.guide(section, system, version)` fills a cell when it passes. `--write-coverage` writes the
page; a run of the whole suite fails if the page is not what its tests say.
"""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
SYSTEMS = ("proxy", "record", "screen", "emulator", "replay")
SECTIONS = (
    "Stateful chat", "Stateless chat", "Image understanding", "Audio understanding", "Video understanding",
    "Document understanding", "Function calling", "Structured output", "Streaming", "Google Search", "Code execution",
    "URL context", "MCP server", "Background execution", "Multi-step agents", "Data extraction", "Content moderation",
    "Image generation", "Files", "Error handling", "Cost optimization", "Models and agents",
)  # fmt: skip
HEAD = """# Coverage of the guide

Each system of the Interactions API guide has a program in [examples/guide](../examples/guide), and one for
`google-genai` 1.x in [examples/guide/legacy](../examples/guide/legacy). A cell names the SDK versions with which the
test of that system passed:

- **proxy**: through `tracer run` the program says what it says without;
- **record**: inputs, tools, steps, statuses and usage are recorded as they were;
- **screen**: the recorded conversation can be read in `tracer tui`;
- **emulator**: `tracer emulate` answers the program;
- **replay**: recorded by the pytest plugin, it runs again with no service.

Written by `make coverage` from the tests that passed; the suite fails when it says something else.

"""

type Cells = set[tuple[str, str, str]]


def page(cells: Cells) -> str:
    """The page that says what passed: (section, system, version) each."""
    lines = [f"| system of the guide | {' | '.join(SYSTEMS)} |", f"| --- |{' --- |' * len(SYSTEMS)}"]
    for section in SECTIONS:
        shown = [", ".join(sorted(v for s, where, v in cells if (s, where) == (section, at))) for at in SYSTEMS]
        lines.append(f"| {section} | {' | '.join(cell or '-' for cell in shown)} |")
    return HEAD + "\n".join(lines) + "\n"


class Coverage:
    """Collects what passed; in a run of several processes, where they all report to."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cells: Cells = set()
        self._differs = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the cells of a test that passed."""
        if report.when == "call" and report.passed:
            cells = [tuple(value) for name, value in report.user_properties if name == "guide"]
            self._cells.update(cells)  # type: ignore[arg-type]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the page, or compares it if every test ran and passed."""
        if session.exitstatus != pytest.ExitCode.OK:
            return
        if self._config.getoption("--write-coverage"):
            PAGE.write_text(page(self._cells))
        elif _is_whole(self._config) and (not PAGE.exists() or PAGE.read_text() != page(self._cells)):
            self._differs = True
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what to do about a page that differs."""
        if self._differs:
            terminalreporter.line("docs/coverage.md is not what these tests say: run `make coverage`", red=True)


def _is_whole(config: pytest.Config) -> bool:
    narrowed = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "last_failed", "deselect"))
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not narrowed


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-coverage`."""
    parser.addoption("--write-coverage", action="store_true", help="write docs/coverage.md")


def pytest_configure(config: pytest.Config) -> None:
    """Collects where reports arrive: not in the workers of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Coverage(config), "guide-coverage")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lets a test's report carry its cells."""
    for marker in item.iter_markers("guide"):
        section, system, version = marker.args
        if section not in SECTIONS or system not in SYSTEMS:
            raise pytest.UsageError(f"{item.nodeid} fills no cell of docs/coverage.md: {marker.args!r}")
        item.user_properties.append(("guide", [section, system, version]))
