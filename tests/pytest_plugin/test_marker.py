"""The marker, the fixture, the options, and the page about them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from interactions_tracer_plugin import KEY_VARIABLES, MODES, STAND_IN_KEY
from tracer.serve import session
from tracer.serve.blocks import REPLAY_KEY
from tracer.serve.session import Mode


def test_cassette_names(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        @pytest.mark.parametrize("name", ["a/b c", "x" * 300])
        def test_escaped(name):
            create("Hi")

        @pytest.mark.interactions("shared")
        def test_shared():
            create("Ho")

        @pytest.mark.interactions(cassette="beside.yaml")
        def test_path(interactions):
            create("Ha")
            assert interactions.cassette.name == "beside.yaml"
        """
    )
    project.record(service).assert_outcomes(passed=4)
    named = project.cassettes()
    assert "cassettes/test_it/test_escaped[a%2Fb%20c].interactions.yaml" in named
    assert "cassettes/shared.interactions.yaml" in named
    assert all(len(Path(name).name.encode()) < 255 for name in named)
    assert len(named) == 3
    assert (project.path / "beside.yaml").exists()
    project.replay().assert_outcomes(passed=4)


def test_one_folder_for_all_cassettes(project: Any, service: Any) -> None:
    project.makeini("[pytest]\ninteractions_cassette_dir = tapes\npythonpath = .")
    for folder in ("one", "two"):
        (project.path / folder).mkdir()
        (project.path / folder / f"test_{folder}.py").write_text(
            "import pytest\nfrom calls import create\n\n@pytest.mark.interactions\ndef test_it():\n    create('Hi')\n"
        )
    project.record(service).assert_outcomes(passed=2)
    assert project.cassettes() == [
        "tapes/one/test_one/test_it.interactions.yaml",
        "tapes/two/test_two/test_it.interactions.yaml",
    ]


def test_marker_arguments_add_up(project: Any, service: Any) -> None:
    template = """
        import pytest
        from calls import create

        pytestmark = pytest.mark.interactions(ignore=["labels.day"])

        @pytest.mark.interactions(ignore=["generation_config.seed"])
        def test_it():
            more = {"labels": {"day": "DAY"}, "generation_config": {"seed": SEED}}
            assert create("Hi", **more).status_code == 200

        def test_unknown():
            pass
        """
    project.makepyfile(test_it=template.replace("DAY", "monday").replace("SEED", "1"))
    project.record(service).assert_outcomes(passed=2)
    project.makepyfile(test_it=template.replace("DAY", "tuesday").replace("SEED", "2"))
    project.replay().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("(casette='x')", "*has no argument 'casette'*"),
        ("(polls='twice')", "*polls is 'twice'*"),
        ("(ignore=['a['])", "*'a[[]' is not a JSON path*"),
    ],
)
def test_wrong_marker_is_one_sentence(project: Any, marker: str, sentence: str) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.interactions{marker}\ndef test_it(): pass")
    result = project.replay()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_fixture_without_marker_says_so(project: Any) -> None:
    project.makepyfile("def test_it(interactions): pass")
    result = project.replay()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs the marker: @pytest.mark.interactions"])


def test_named_hosts_are_ours_too(project: Any) -> None:
    project.makeini("[pytest]\ninteractions_hosts = gateway.example:8443 other.example\npythonpath = .")
    project.makepyfile(
        """
        import httpx
        import pytest

        @pytest.mark.interactions
        def test_it():
            assert httpx.get("https://gateway.example:8443/v1/interactions/v1_a").status_code == 400
            assert httpx.get("https://other.example/v1/interactions/v1_a").status_code == 400
        """
    )
    result = project.replay()
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("there is no cassette") >= 2


def test_stand_in_key_is_there_for_replays_only(project: Any) -> None:
    project.makepyfile(
        """
        import os

        KEY = os.environ.get("GEMINI_API_KEY")

        def test_it():
            assert os.environ.get("WANTED") == KEY
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANTED", "replayed-without-a-key")
        project.replay().assert_outcomes(passed=1)
        patch.delenv("WANTED")
        project.replay("--interactions-record=once").assert_outcomes(passed=1)
        patch.setenv("GOOGLE_API_KEY", "mine")
        project.replay().assert_outcomes(passed=1)
    project.makeconftest("import pytest, os\n")
    code = "import pytest, os; pytest.main(['-q']); print('left:', os.environ.get('GEMINI_API_KEY'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=True)
    assert "left: None" in done.stdout


def test_page_names_every_option_and_argument(repository: Path) -> None:
    page = (repository / "docs" / "pytest.md").read_text()
    plugin = (repository / "interactions_tracer_plugin.py").read_text()
    named = {
        *re.findall(r'"(interactions_\w+)",\n', plugin),
        *re.findall(r'addoption\(\s*"(--[\w-]+)"', plugin),
        *MODES,
    }
    assert len(named) == 14
    assert {name for name in named if f"`{name}" not in page} == set()
    (signature,) = re.findall(r'"(interactions\(.*\)): "', plugin)
    assert signature.replace("'", '"') in page


def test_plugin_and_session_agree() -> None:
    assert (REPLAY_KEY, session.KEY_VARIABLES, get_args(Mode.__value__)) == (STAND_IN_KEY, KEY_VARIABLES, MODES)
