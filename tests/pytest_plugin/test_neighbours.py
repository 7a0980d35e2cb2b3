"""The plugin beside others: what it leaves as it was, and what hides it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracer.player.rules import Rules
from tracer.player.state import Engine
from tracer.serve.server import Server


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


BESIDE_VCR = """
import httpx
import pytest
from google import genai

client = genai.Client()
OTHER = "http://localhost:{port}/x"


def ask(text):
    return client.interactions.create(model="gemini-3.5-flash", input=text)


@pytest.mark.vcr
@pytest.mark.interactions
def test_both(vcr, interactions):
    assert "Zoë" in ask("Hello, my name is Zoë.").output_text
    assert httpx.post(OTHER, json={{"input": "other"}}).json()["said"] == "other"
    assert [len(interactions.exchanges), len(vcr)] == [1, 1]


@pytest.mark.block_network
@pytest.mark.interactions
def test_blocked():
    assert ask("Hello once more!").status == "completed"
"""


@pytest.mark.sdk
@pytest.mark.timeout(300)
def test_markers_of_pytest_recording(sdk_test_python: Any, tmp_path: Path, service: Any) -> None:
    (tmp_path / "test_it.py").write_text(BESIDE_VCR.format(port=service.server.server_port))

    def run(*arguments: str, **environment: str) -> str:
        command = [str(sdk_test_python("3.4.0")), "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    with Server(Engine(Rules(), seed=7)) as server:
        where = {"GEMINI_API_KEY": "key", "GOOGLE_GEMINI_BASE_URL": server.url}
        run("--interactions-record=once", "--record-mode=once", "--allowed-hosts=127.0.0.1,localhost,::1", **where)
    theirs, ours = (list(tmp_path.rglob(f"*test_both{suffix}")) for suffix in (".yaml", ".interactions.yaml"))
    assert len(theirs) == len(ours) == 1
    assert "interactions" not in theirs[0].read_text().replace("interactions:", "", 1)
    count = service.count
    for more in ([], ["--block-network"], ["--disable-recording", "-k", "blocked"]):
        assert " passed" in run(*more)
    assert service.count == count


STYLES = """
import unittest

import pytest
from calls import create


@pytest.fixture(scope="module")
def greeting(request):
    return create("Hello from a fixture!").json()["said"]


@pytest.mark.interactions
class TestClass:
    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls):
        return create("Hello from a class fixture!").json()["said"]

    def test_first(self, greeting, shared):
        assert [greeting, shared] == ["Hello from a fixture!", "Hello from a class fixture!"]
        assert create("one").json()["said"] == "one"

    def test_second(self, greeting, shared):
        assert create("two").json()["said"] == "two"


@pytest.mark.interactions
class Unit(unittest.TestCase):
    def setUp(self):
        self.first = create("Hello from setUp!").json()["said"]

    def tearDown(self):
        assert create("Bye from tearDown!").status_code == 200

    def test_unit(self):
        with self.subTest("sub"):
            self.assertEqual(create("unit").json()["said"], "unit")
        self.assertEqual(self.first, "Hello from setUp!")


@pytest.mark.interactions
class Async(unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        import httpx
        from calls import BASE
        async with httpx.AsyncClient() as client:
            body = {"model": "gemini-3.5-flash", "input": "async"}
            answer = await client.post(f"{BASE}/v1/interactions", json=body)
        self.assertEqual(answer.json()["said"], "async")
"""


def test_every_style_of_test_and_fixture(project: Any, service: Any) -> None:
    project.makepyfile(test_it=STYLES)
    project.record(service).assert_outcomes(passed=4)
    assert service.count == 8
    project.replay().assert_outcomes(passed=4)
    assert project.cassettes() == [
        "cassettes/test_it/Async.test_async.interactions.yaml",
        "cassettes/test_it/TestClass.test_first.interactions.yaml",
        "cassettes/test_it/TestClass.test_second.interactions.yaml",
        "cassettes/test_it/Unit.test_unit.interactions.yaml",
        "cassettes/test_it/fixture.TestClass.shared.interactions.yaml",
        "cassettes/test_it/fixture.greeting.interactions.yaml",
    ]
    # Whichever test makes a fixture of wider scope finds its recording; the end counts it.
    for more in (["-k", "second"], ["-pxdist", "-n3"], ["--interactions-check-orphans"]):
        result = project.replay(*more)
        assert result.ret == 0
    project.replay("-k", "second").stdout.fnmatch_lines(["interactions: 3 replayed*"])
    assert service.count == 8


def test_fixture_of_wider_scope_that_has_no_recording(project: Any, service: Any) -> None:
    template = (
        STYLES.split("@pytest.mark.interactions\nclass TestClass", maxsplit=1)[0]
        + """
@pytest.mark.interactions
def test_it(greeting):
    assert greeting == "Hello from a fixture!"
"""
    )
    project.makepyfile(test_it=template)
    project.record(service)
    project.makepyfile(test_it=template.replace("Hello from a", "Changed in the"))
    result = project.replay()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture.greeting.interactions.yaml holds no recording of POST*"])
    (command,) = set(re.findall(r"record it: (pytest .*)", result.stdout.str()))
    assert command == "pytest test_it.py::test_it --interactions-record=all"
    project.record(service, *command.split()[1:2], mode="all").assert_outcomes(passed=1)
    project.replay().assert_outcomes(passed=1)


def test_other_hosts(project: Any, service: Any) -> None:
    """A service that is not ours: recorded and replayed, passed on, or blocked."""
    project.makepyfile(
        test_it="""
        import httpx
        import pytest

        @pytest.mark.interactions(other_hosts="record")
        def test_recorded(interactions):
            asked = httpx.post("http://other.example:PORT/data?x=1", json={"input": "Hi"})
            assert asked.json()["said"] == "Hi"
            assert [call.path for call in interactions.requests] == ["http://other.example:PORT/data"]

        @pytest.mark.interactions(other_hosts="block")
        def test_blocked(interactions):
            assert httpx.get("http://other.example:PORT/data").status_code == 400

        @pytest.mark.interactions
        def test_passed(interactions):
            with pytest.raises(httpx.ConnectError):
                httpx.get("http://other.invalid/data")
            assert interactions.exchanges == []
        """.replace("PORT", str(service.server.server_port)),
    )
    project.makeconftest(
        """
        import os, socket
        real = socket.getaddrinfo

        def getaddrinfo(host, *rest, **more):
            if host == "other.example":
                assert "SERVICE_IS_THERE" in os.environ, "the network was asked"
                host = "127.0.0.1"
            return real(host, *rest, **more)

        socket.getaddrinfo = getaddrinfo
        """
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVICE_IS_THERE", "1")
        result = project.record(service)
    result.assert_outcomes(passed=2, failed=1)
    assert service.count == 1
    (cassette,) = project.path.rglob("*test_recorded*")
    assert f"uri: http://other.example:{service.server.server_port}/data?x=1" in cassette.read_text()
    result = project.replay()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*is neither the Interactions API nor allowed*", "*test_blocked*1 *"])
    assert service.count == 1


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
