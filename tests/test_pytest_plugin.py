"""The plugin around marked tests, in a pytest of its own; the calls are made with httpx."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args

import pytest

from interactions_tracer_plugin import KEY_VARIABLES, MODES, STAND_IN_KEY
from tracer.serve import session
from tracer.serve.session import REPLAY_KEY, Mode

KEY = "AIzaSyCanary-0123456789_0123456789abcde"

CALLS = """
import os
import httpx

BASE = os.environ.get("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com")


def create(text, **more):
    body = {"model": "gemini-3.5-flash", "input": text, **more}
    headers = {"x-goog-api-key": os.environ["GEMINI_API_KEY"]}
    return httpx.post(f"{BASE}/v1/interactions", json=body, headers=headers)
"""


class Service:
    """Answers every create with its own number, and errors on demand."""

    def __init__(self) -> None:
        self.count = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"]
                service.count += 1
                refused = text == "refuse" or (text == "busy" and service.count == 1)
                body = json.dumps({"id": f"v1_{service.count}", "status": "completed", "steps": [], "said": text})
                data = body.encode()
                self.send_response((400 if text == "refuse" else 503) if refused else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever)
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with `calls.py`; its tests run in a process of their own with no other plugin; warnings are errors."""
    pytester.makepyfile(calls=CALLS)
    pytester.makeini("[pytest]\nfilterwarnings = error\npythonpath = .")
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "interactions_tracer_plugin")
    return pytester


def record(
    project: pytest.Pytester, service: Service, *arguments: str, mode: str = "once", key: str = KEY
) -> pytest.RunResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEMINI_API_KEY", key)
        patch.setenv("GOOGLE_GEMINI_BASE_URL", service.url)
        return project.runpytest_subprocess(f"--interactions-record={mode}", *arguments)


def replay(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(*arguments)


def cassettes(project: pytest.Pytester) -> list[str]:
    return sorted(str(path.relative_to(project.path)) for path in project.path.rglob("*.interactions.yaml"))


def test_recorded_once_then_replayed(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service).assert_outcomes(passed=1)
    assert cassettes(project) == ["cassettes/test_it/test_two.interactions.yaml"]
    replay(project).assert_outcomes(passed=1)
    record(project, service).assert_outcomes(passed=1)
    assert service.count == 2
    text = (project.path / cassettes(project)[0]).read_text()
    assert KEY not in text
    assert "127.0.0.1" not in text


def test_missing_cassette_fails_the_test_by_name(project: pytest.Pytester) -> None:
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
    result = replay(project)
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


def test_miss_is_noted_on_the_error_the_test_failed_with(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_calls():
            assert create("Hi").status_code == 200
        """
    )
    result = replay(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 400 == 200*", "E*there is no cassette *test_calls.interactions.yaml*"])


def test_miss_in_a_fixture_fails_too(project: pytest.Pytester) -> None:
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
    replay(project).assert_outcomes(failed=1, errors=1)


@pytest.mark.parametrize(("mode", "asked", "kept"), [("new_episodes", 1, ["Hi", "Ho"]), ("all", 2, ["Hi", "Ho"])])
def test_modes_that_add(project: pytest.Pytester, service: Service, mode: str, asked: int, kept: list[str]) -> None:
    template = """
        import pytest
        from calls import create

        @pytest.mark.interactions
        def test_it():
            assert [create(text).status_code for text in TEXTS] == [200] * len(TEXTS)
        """
    project.makepyfile(test_it=template.replace("TEXTS", "['Hi']"))
    record(project, service).assert_outcomes(passed=1)
    project.makepyfile(test_it=template.replace("TEXTS", "['Hi', 'Ho']"))
    replay(project).assert_outcomes(failed=1)
    before = service.count
    record(project, service, mode=mode).assert_outcomes(passed=1)
    assert service.count - before == asked
    replay(project).assert_outcomes(passed=1)
    text = (project.path / cassettes(project)[0]).read_text()
    assert re.findall(r'"said": "(\w+)"', text) == kept


def test_errors_are_not_recorded_unless_asked_for(project: pytest.Pytester, service: Service) -> None:
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
    result = record(project, service)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*was not written: the service answered 400 to POST /v1/interactions*errors=True*"])
    assert cassettes(project) == ["cassettes/test_it/test_about_errors.interactions.yaml"]
    replay(project, "-k", "about").assert_outcomes(passed=1, deselected=1)


def test_failed_attempt_is_recorded_but_not_replayed(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service, "-s").stdout.fnmatch_lines(["*tried 2*"])
    replay(project, "-s").stdout.fnmatch_lines(["*tried 1*"])


def test_key_in_a_prompt_is_refused(project: pytest.Pytester, service: Service) -> None:
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
    result = record(project, service, key=key)
    result.stdout.fnmatch_lines(["*was not written: it would hold the key that ends in '0123'*"])
    assert cassettes(project) == []


def test_damaged_cassette_is_refused_and_left_alone(project: pytest.Pytester, service: Service) -> None:
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
    for result in (replay(project), record(project, service, mode="all")):
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*test_it.interactions.yaml is not a readable cassette*"])
    assert cassette.read_text() == "version: 1\ninteractions: [{request: {"


def test_cassette_names(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service).assert_outcomes(passed=4)
    named = cassettes(project)
    assert "cassettes/test_it/test_escaped[a%2Fb%20c].interactions.yaml" in named
    assert "cassettes/shared.interactions.yaml" in named
    assert all(len(Path(name).name.encode()) < 255 for name in named)
    assert len(named) == 3
    assert (project.path / "beside.yaml").exists()
    replay(project).assert_outcomes(passed=4)


def test_one_folder_for_all_cassettes(project: pytest.Pytester, service: Service) -> None:
    project.makeini("[pytest]\ninteractions_cassette_dir = tapes\npythonpath = .")
    for folder in ("one", "two"):
        (project.path / folder).mkdir()
        (project.path / folder / f"test_{folder}.py").write_text(
            "import pytest\nfrom calls import create\n\n@pytest.mark.interactions\ndef test_it():\n    create('Hi')\n"
        )
    record(project, service).assert_outcomes(passed=2)
    assert cassettes(project) == [
        "tapes/one/test_one/test_it.interactions.yaml",
        "tapes/two/test_two/test_it.interactions.yaml",
    ]


def test_marker_arguments_add_up(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service).assert_outcomes(passed=2)
    project.makepyfile(test_it=template.replace("DAY", "tuesday").replace("SEED", "2"))
    replay(project).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("(casette='x')", "*has no argument 'casette'*"),
        ("(polls='twice')", "*polls is 'twice'*"),
        ("(ignore=['a['])", "*'a[[]' is not a JSON path*"),
    ],
)
def test_wrong_marker_is_one_sentence(project: pytest.Pytester, marker: str, sentence: str) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.interactions{marker}\ndef test_it(): pass")
    result = replay(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_fixture_without_marker_says_so(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(interactions): pass")
    result = replay(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs the marker: @pytest.mark.interactions"])


def test_named_hosts_are_ours_too(project: pytest.Pytester) -> None:
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
    result = replay(project)
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("there is no cassette") >= 2


def test_stand_in_key_is_there_for_replays_only(project: pytest.Pytester) -> None:
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
        project.runpytest_subprocess().assert_outcomes(passed=1)
        patch.delenv("WANTED")
        project.runpytest_subprocess("--interactions-record=once").assert_outcomes(passed=1)
        patch.setenv("GOOGLE_API_KEY", "mine")
        project.runpytest_subprocess().assert_outcomes(passed=1)
    project.makeconftest("import pytest, os\n")
    code = "import pytest, os; pytest.main(['-q']); print('left:', os.environ.get('GEMINI_API_KEY'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=True)
    assert "left: None" in done.stdout


def test_transports_are_as_before_after_a_test(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service).assert_outcomes(passed=2)


def test_works_beside_vcrpy(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service).assert_outcomes(passed=1)
    replay(project).assert_outcomes(passed=1)
    assert service.count == 2


def test_workers_record_into_a_shared_cassette(project: pytest.Pytester, service: Service) -> None:
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
    record(project, service, "-pxdist", "-n2", mode="all").assert_outcomes(passed=8)
    replay(project, "-pxdist", "-n2").assert_outcomes(passed=8)
    assert service.count == 8


def test_loading_the_plugin_imports_nothing_heavy(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        HEAVY = {"mitmproxy", "textual", "vcr", "httpx", "sqlite_utils", "pydantic", "uvicorn", "yaml", "tracer"}

        def test_unmarked(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("interactions_tracer_plugin")
            assert HEAVY & sys.modules.keys() == set()
        """
    )
    replay(project).assert_outcomes(passed=1)


def test_a_stranger_called_tracer_hides_ours(project: pytest.Pytester) -> None:
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


def test_page_names_every_option_and_argument(repository: Path) -> None:
    page = (repository / "docs" / "pytest.md").read_text()
    plugin = (repository / "interactions_tracer_plugin.py").read_text()
    named = {
        *re.findall(r'"(interactions_\w+)",\n', plugin),
        *re.findall(r'addoption\(\s*"(--[\w-]+)"', plugin),
        *MODES,
    }
    assert len(named) == 7
    assert {name for name in named if f"`{name}" not in page} == set()
    (signature,) = re.findall(r'"(interactions\(.*\)): "', plugin)
    assert signature.replace("'", '"') in page


def test_plugin_and_session_agree() -> None:
    assert (REPLAY_KEY, session.KEY_VARIABLES, get_args(Mode.__value__)) == (STAND_IN_KEY, KEY_VARIABLES, MODES)
