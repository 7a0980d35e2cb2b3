"""Recordings rewritten, left unplayed, too old or orphaned; what the end of a run says; what the fixture can do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server
from tracer.testing import emulator, rule

TEMPLATE = """
import pytest
from calls import create

@pytest.mark.interactions
def test_it():
    for text in TEXTS:
        create(text)
"""


def asks(project: Any, *texts: str) -> None:
    project.makepyfile(test_it=TEMPLATE.replace("TEXTS", repr(list(texts))))


def said(project: Any) -> list[str]:
    return re.findall(r'"said": "(\w+)"', (project.path / project.cassettes()[0]).read_text())


def test_unplayed_recordings_and_rewriting(project: Any, service: Any) -> None:
    asks(project, "Hi", "Ho")
    project.record(service).stdout.fnmatch_lines(
        ["test_it.py::test_it* - *2*", "0 replayed, 2 recorded; 0 tokens saved"]
    )
    asks(project, "Ho")
    result = project.replay()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["test_it.py::test_it *1 *- *- *- *1 *", "1 replayed, 1 unplayed*"])
    project.makeini("[pytest]\npythonpath = .\ninteractions_unplayed = fail")
    result = project.replay()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*holds 1 recordings that the test did not ask for, the first of them POST *--interactions-record=rewrite"]
    )
    project.record(service, mode="rewrite").assert_outcomes(passed=1)
    assert said(project) == ["Ho"]
    result = project.replay()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["interactions: 1 replayed, 0 tokens saved"])


def test_test_that_fails_does_not_rewrite(project: Any, service: Any) -> None:
    asks(project, "Hi")
    project.record(service)
    project.makepyfile(test_it=TEMPLATE.replace("TEXTS", "['Ho']") + "    assert 0\n")
    project.record(service, mode="rewrite").assert_outcomes(failed=1)
    assert said(project) == ["Hi"]


def test_crash_while_recording_leaves_the_cassette(project: Any, service: Any) -> None:
    asks(project, "Hi")
    project.record(service)
    (path,) = project.path.rglob("*.interactions.yaml")
    before = path.read_bytes()
    project.makepyfile(test_it=TEMPLATE.replace("TEXTS", "['Hi', 'Ho']") + "    __import__('os')._exit(9)\n")
    assert project.record(service, mode="rewrite").ret == 9
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_orphans_are_found_by_one_process_and_by_several(project: Any, service: Any) -> None:
    asks(project, "Hi")
    project.record(service)
    folder = project.path / "cassettes"
    for orphan in ("test_it/test_gone", "test_gone/test_it"):
        (folder / orphan).parent.mkdir(exist_ok=True)
        (folder / f"{orphan}.interactions.yaml").write_text("version: 1\ninteractions: []\n")
    for more in ([], ["-p", "xdist", "-n", "2"]):
        result = project.replay("--interactions-check-orphans", *more)
        assert result.ret == 1
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(
            ["*no test asks for*", "cassettes/test_gone/test_it.inter*", "cassettes/test_it/test_gone.inter*"]
        )
    assert project.replay("--interactions-check-orphans", "test_it.py::test_it").ret == pytest.ExitCode.USAGE_ERROR


def test_old_cassettes(project: Any, service: Any) -> None:
    asks(project, "Hi")
    project.record(service)
    (path,) = project.path.rglob("*.interactions.yaml")
    path.write_text(re.sub(r"started_at: '?\d{4}", lambda found: found[0][:-4] + "2019", path.read_text()))
    project.makeini("[pytest]\npythonpath = .\ninteractions_max_age = 90d")
    project.replay().stdout.fnmatch_lines(["test_it.py::test_it: *test_it.interactions.yaml is * days old"])
    project.makeini("[pytest]\npythonpath = .\ninteractions_max_age = 90d fail")
    result = project.replay()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*days old, and interactions_max_age allows 90: pytest test_it.py::test_it --*=rewrite"]
    )
    project.makeini("[pytest]\npythonpath = .\ninteractions_max_age = 90d rerecord")
    before = service.count
    project.record(service, mode="once").assert_outcomes(passed=1)
    assert service.count == before + 1
    project.record(service, mode="once").assert_outcomes(passed=1)
    assert service.count == before + 1


def test_live_calls_write_nothing(project: Any, service: Any) -> None:
    asks(project, "Hi")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEMINI_API_KEY", "key")
        patch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
        project.replay("--interactions-live").assert_outcomes(passed=1)
    assert service.count == 1
    assert project.cassettes() == []


def test_fixture(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import os, subprocess, sys
        import httpx, pytest
        from calls import create

        pytestmark = pytest.mark.interactions

        def test_metadata(interactions):
            print("stored", interactions.metadata("pid", os.getpid), os.getpid())
            create("Hi")

        def test_faults(interactions):
            interactions.fault("429,times=1")
            interactions.speed = 2
            tried = 1
            while create("Hi").status_code == 429:
                tried += 1
            print("tried", tried)
            assert [node.depth for node in interactions.tree()] == [0]

        def test_emulator(interactions):
            interactions.emulator("rules: [{then: {text: Scripted.}}]")
            assert create("Anything").status_code == 200
            assert interactions.records[0].output_text == "Scripted."

        def test_child():
            code = "from calls import create; print(create('from a child').json()['said'])"
            subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

        @pytest.mark.interactions(other_hosts="block")
        def test_blocks():
            try:
                httpx.get("https://other.example/data")
            except Exception:
                pass
        """
    )
    result = project.record(service, "-s")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*GET https://other.example/data is neither the Interactions API nor allowed*"])
    pid = re.search(r"stored (\d+) \1\b", result.stdout.str())
    assert pid is not None
    result = project.replay("-s")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines([f"*stored {pid[1]} *", "*tried 2*", "*from a child*"])
    assert service.count == 3


def test_drift_is_told_by_severity(project: Any, tmp_path: Path) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}

        @pytest.mark.interactions
        def test_it():
            first = create("My name is Alice.").json()
            create("What's my name?", previous_interaction_id=first["id"])
            create("What is the weather?", tools=[TOOL])
        """
    )
    with Server(Engine(Rules(), seed=1)) as server:
        project.record(server).assert_outcomes(passed=1)
        kept = {path: path.read_bytes() for path in project.path.rglob("*.yaml")}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GEMINI_API_KEY", "key")
            patch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
            result = project.replay("--interactions-verify")
            result.stdout.fnmatch_lines(["cassettes/test_it/test_it.interactions.yaml: no drift"])
            assert result.ret == 0
            (path,) = kept
            text = path.read_text()
            edited = text.replace("Alice.", "Alice?!").replace('"total_cached_tokens"', '"total_other_tokens"')
            path.write_text(edited.replace("get_weather", "get_climate", 0))
            result = project.replay("--interactions-verify", "--interactions-drift=shape")
            assert result.ret == 1
            result.stdout.fnmatch_lines(["  shape      1: POST /v1/interactions: *total_*_tokens is *", "  wording*"])
            assert path.read_text() == edited


def test_exit_code_of_verifying_follows_the_severity(project: Any) -> None:
    asks(project, "How is it?")
    with emulator(rule("It is fine.")) as service:
        project.record(service).assert_outcomes(passed=1)
    kept = {path: path.read_bytes() for path in project.path.rglob("*.yaml")}
    with emulator(rule("It is bad.")) as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEMINI_API_KEY", "key")
        patch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
        codes = {}
        for severity in ("behaviour", "wording", "usage"):
            result = project.replay("--interactions-verify", f"--interactions-drift={severity}")
            result.stdout.fnmatch_lines(['  wording    1: POST /v1/interactions: "It is fine." became "It is bad."'])
            codes[severity] = int(result.ret)
        assert codes == {"behaviour": 0, "wording": 1, "usage": 1}
        patch.delenv("GEMINI_API_KEY")
        project.replay("--interactions-verify").stderr.fnmatch_lines(["*calls the service: set GEMINI_API_KEY*"])
    assert {path: path.read_bytes() for path in project.path.rglob("*.yaml")} == kept
