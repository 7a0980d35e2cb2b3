from __future__ import annotations

from pathlib import Path

import guide_coverage
import pytest


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite of one passing and one skipped cell, whose page is in its own folder."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        f"""
        [pytest]
        testpaths = tests
        pythonpath = {Path(guide_coverage.__file__).parent}
        markers = guide(section, system, version): a cell
        """
    )
    folder = pytester.mkdir("tests")
    (folder / "conftest.py").write_text(
        "from pathlib import Path\n"
        "import guide_coverage\n"
        'guide_coverage.PAGE = Path(__file__).parents[1] / "coverage.md"\n'
        'pytest_plugins = ["guide_coverage"]\n'
    )
    (folder / "test_one.py").write_text(
        "import pytest\n"
        '@pytest.mark.guide("Files", "replay", "3.4.0")\n'
        "def test_passes(): pass\n"
        '@pytest.mark.guide("Files", "proxy", "3.4.0")\n'
        'def test_is_skipped(): pytest.skip("not here")\n'
    )
    return pytester


@pytest.mark.parametrize("processes", [[], ["-p", "xdist", "-n", "1"]])
def test_a_whole_run_fails_until_the_page_says_what_passed(suite: pytest.Pytester, processes: list[str]) -> None:
    missing = suite.runpytest_subprocess(*processes)
    assert missing.ret == pytest.ExitCode.TESTS_FAILED
    missing.stdout.fnmatch_lines("*run `make coverage`*")
    assert suite.runpytest_subprocess(*processes, "--write-coverage").ret == pytest.ExitCode.OK
    assert "| Files | - | - | - | - | 3.4.0 |" in (suite.path / "coverage.md").read_text()
    assert suite.runpytest_subprocess(*processes).ret == pytest.ExitCode.OK


def test_a_part_of_the_suite_is_not_compared(suite: pytest.Pytester) -> None:
    assert suite.runpytest_subprocess("-k", "passes").ret == pytest.ExitCode.OK
    assert suite.runpytest_subprocess("tests/test_one.py").ret == pytest.ExitCode.OK
