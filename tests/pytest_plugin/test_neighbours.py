"""The plugin beside others: what it leaves as it was, and what hides it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def test_transports_are_as_before_after_a_test(project: Any, service: Any) -> None:
    project.makepyfile(
        """
        import httpx
        import httpx2
        import pytest
        from calls import create

        BEFORE = [library.HTTPTransport.handle_request for library in (httpx, httpx2)]

        @pytest.mark.interactions
        def test_marked():
            assert [library.HTTPTransport.handle_request for library in (httpx, httpx2)] != BEFORE
            create("Hi")

        def test_unmarked():
            assert [library.HTTPTransport.handle_request for library in (httpx, httpx2)] == BEFORE
            assert create("Hi").json()["id"] == "v1_2"
        """
    )
    project.record(service).assert_outcomes(passed=2)


def test_works_beside_vcrpy(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import os

        import httpx
        import pytest
        import vcr
        from calls import create

        @pytest.fixture
        def tape(tmp_path_factory):
            path = os.path.join(os.path.dirname(__file__), "others.yaml")
            with vcr.use_cassette(path) as cassette:
                yield cassette

        @pytest.mark.interactions
        def test_both(tape, interactions):
            assert create("Hi").json()["said"] == "Hi"
            other = os.environ.get("OTHER", "http://127.0.0.1:9")
            assert httpx.post(OTHER, json={"input": "other"}).json()["said"] == "other"
            assert len(interactions.exchanges) == 1
            assert len(tape) == 1
        """.replace("OTHER,", f"{service.url.replace('127.0.0.1', 'localhost')!r} + '/x',")
    )
    project.record(service).assert_outcomes(passed=1)
    project.replay().assert_outcomes(passed=1)
    assert service.count == 2


def test_workers_record_into_a_shared_cassette(project: Any, service: Any) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions("shared")
        @pytest.mark.parametrize("number", range(8))
        def test_it(number):
            assert create(f"Hi {number}").json()["said"] == f"Hi {number}"
        """
    )
    project.record(service, "-pxdist", "-n2", mode="all").assert_outcomes(passed=8)
    project.replay("-pxdist", "-n2").assert_outcomes(passed=8)
    assert service.count == 8


def test_loading_the_plugin_imports_nothing_heavy(project: Any) -> None:
    project.makepyfile(
        """
        import sys

        HEAVY = {"mitmproxy", "textual", "vcr", "httpx", "sqlite_utils", "pydantic", "uvicorn", "yaml", "tracer"}

        def test_unmarked(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("interactions_tracer_plugin")
            assert HEAVY & sys.modules.keys() == set()
        """
    )
    project.replay().assert_outcomes(passed=1)


def test_a_stranger_called_tracer_hides_ours(project: Any) -> None:
    project.makeini("[pytest]\npythonpath = .")
    project.makepyfile(
        tracer="WHOSE = 'mine'",
        test_it="""
        import pytest
        import tracer

        def test_unmarked():
            assert tracer.WHOSE == "mine"

        @pytest.mark.interactions
        def test_marked():
            raise RuntimeError("not reached")
        """,
    )
    for command in ([sys.executable, "-m", "pytest"], [str(Path(sys.executable).with_name("pytest"))]):
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider"],
            cwd=project.path, capture_output=True, text=True, check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        )  # fmt: skip
        assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
        sentence = "tracer.py hides the package 'tracer', so tests marked 'interactions' can't run"
        assert sentence in done.stdout
        assert "not reached" not in done.stdout.replace('RuntimeError("not reached")', "")
