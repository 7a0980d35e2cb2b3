"""What is replayed, what is recorded, and what fails; the calls are made with httpx."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEY = "AIzaSyCanary-0123456789_0123456789abcde"


def test_recorded_once_then_replayed(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_two(interactions):
            assert [create("Hi").json()["id"], create("Hi").json()["id"]] == ["v1_1", "v1_2"]
            assert [call.path for call in interactions.requests] == ["/v1/interactions"] * 2
            assert interactions.records[0].id == "v1_1"
            assert interactions.cassette.name == "test_two.interactions.yaml"
        """
    )
    project.record(service).assert_outcomes(passed=1)
    assert project.cassettes() == ["cassettes/test_it/test_two.interactions.yaml"]
    project.replay().assert_outcomes(passed=1)
    project.record(service).assert_outcomes(passed=1)
    assert service.count == 2
    text = (project.path / project.cassettes()[0]).read_text()
    assert KEY not in text
    assert "127.0.0.1" not in text


def test_missing_cassette_fails_the_test_by_name(project: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        class TestAgent:
            def test_calls(self):
                try:
                    create("Hi").raise_for_status()
                except Exception:
                    pass

            def test_makes_no_call(self):
                pass
        """
    )
    result = project.replay()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "there is no cassette *cassettes/test_it/TestAgent.test_calls.interactions.yaml to answer POST *; "
                "record it: pytest test_it.py::TestAgent::test_calls --interactions-record=once"
            ),
            "FAILED test_it.py::TestAgent::test_calls*",
        ]
    )


def test_miss_is_noted_on_the_error_the_test_failed_with(project: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_calls():
            assert create("Hi").status_code == 200
        """
    )
    result = project.replay()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 400 == 200*", "E*there is no cassette *test_calls.interactions.yaml*"])


def test_miss_in_a_fixture_fails_too(project: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.fixture
        def chat():
            create("Hi")
            yield
            create("Bye")

        @pytest.mark.interactions
        def test_nothing(chat):
            pass
        """
    )
    project.replay().assert_outcomes(failed=1, errors=1)


@pytest.mark.parametrize(("mode", "asked", "kept"), [("new_episodes", 1, ["Hi", "Ho"]), ("all", 2, ["Hi", "Ho"])])
def test_modes_that_add(project: Any, service: Any, mode: str, asked: int, kept: list[str]) -> None:
    template = """
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_it():
            assert [create(text).status_code for text in TEXTS] == [200] * len(TEXTS)
        """
    project.makepyfile(test_it=template.replace("TEXTS", "['Hi']"))
    project.record(service).assert_outcomes(passed=1)
    project.makepyfile(test_it=template.replace("TEXTS", "['Hi', 'Ho']"))
    project.replay().assert_outcomes(failed=1)
    before = service.count
    project.record(service, mode=mode).assert_outcomes(passed=1)
    assert service.count - before == asked
    project.replay().assert_outcomes(passed=1)
    text = (project.path / project.cassettes()[0]).read_text()
    assert re.findall(r'"said": "(\w+)"', text) == kept


def test_errors_are_not_recorded_unless_asked_for(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_refused():
            assert create("refuse").status_code == 400

        @pytest.mark.interactions(errors=True)
        def test_about_errors():
            assert create("refuse").status_code == 400
        """
    )
    result = project.record(service)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*was not written: the service answered 400 to POST /v1/interactions*errors=True*"])
    assert project.cassettes() == ["cassettes/test_it/test_about_errors.interactions.yaml"]
    project.replay("-k", "about").assert_outcomes(passed=1, deselected=1)


def test_failed_attempt_is_recorded_but_not_replayed(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_retries():
            tried = 1
            while create("busy").status_code == 503:
                tried += 1
            print(f"tried {tried}")
        """
    )
    project.record(service, "-s").stdout.fnmatch_lines(["*tried 2*"])
    project.replay("-s").stdout.fnmatch_lines(["*tried 1*"])


def test_key_in_a_prompt_is_refused(project: Any, service: Any) -> None:
    key = "plain-words-0123"
    project.makepyfile(
        test_it=f"""
        import os
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_leaks():
            os.environ["GEMINI_API_KEY"] = "another-key-4567"
            create("my key is {key}")
            os.environ["GEMINI_API_KEY"] = "{key}"
            create("Hi")
        """
    )
    result = project.record(service, key=key)
    result.stdout.fnmatch_lines(["*was not written: it would hold the key that ends in '0123'*"])
    assert project.cassettes() == []


def test_damaged_cassette_is_refused_and_left_alone(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.interactions
        def test_it():
            pass
        """
    )
    cassette = project.path / "cassettes" / "test_it" / "test_it.interactions.yaml"
    cassette.parent.mkdir(parents=True)
    cassette.write_text("version: 1\ninteractions: [{request: {")
    for result in (project.replay(), project.record(service, mode="all")):
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*test_it.interactions.yaml is not a readable cassette*"])
    assert cassette.read_text() == "version: 1\ninteractions: [{request: {"


SWALLOWS = """
import pytest
from calls import create

@pytest.mark.interactions
def test_before():
    create("Hi")

@pytest.mark.interactions
def test_swallows():
    create("Anything else?")
    try:
        create("PROMPT", generation_config={"seed": SEED}).raise_for_status()
    except Exception:
        pass
"""


def test_printed_commands_compare_and_record_again(project: Any, service: Any) -> None:
    asked = SWALLOWS.replace("PROMPT", "Write a long poem about the rivers.").replace("SEED", "1")
    project.makepyfile(test_it=asked)
    project.record(service).assert_outcomes(passed=2)
    before = {path: path.read_bytes() for path in project.path.rglob("*test_before.interactions.yaml")}
    project.makepyfile(test_it=asked.replace("rivers", "lakes").replace("1}", "2}"))
    result = project.replay()
    result.assert_outcomes(passed=1, failed=1)
    said = dict(re.findall(r"^E? *(compare|record it): (.*)$", result.stdout.str(), re.MULTILINE))

    program, *rest = shlex.split(said["compare"])
    assert program == "tracer"
    assert rest[1] == "cassettes/test_it/test_swallows.interactions.yaml#2"
    command = [sys.executable, "-m", "tracer", *rest]
    compared = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False)
    assert compared.returncode == 1, compared.stderr
    assert "Write a long poem about the [-rivers-]{+lakes+}." in compared.stdout
    assert "generation_config.seed: 1 -> 2" in compared.stdout
    assert "output" not in compared.stdout
    assert KEY not in Path(rest[2]).read_text()

    program, *rest = shlex.split(said["record it"])
    assert program == "pytest"
    count = service.count
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEMINI_API_KEY", KEY)
        patch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
        project.replay(*rest).assert_outcomes(passed=1)
    assert service.count == count + 2
    project.replay().assert_outcomes(passed=2)
    assert {path: path.read_bytes() for path in before} == before
