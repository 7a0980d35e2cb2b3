"""The programs of `examples/guide`: against the emulator, through the proxy, as records, replayed without either."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import guide_coverage
import pytest

from tracer.store.reader import Reader
from tracer.wire.redact import account_tag

REPOSITORY = Path(__file__).parents[2]
ALL_PROGRAMS = Path(__file__).parent / "apps" / "all_programs.py"
FOLDERS = {"3.4.0": REPOSITORY / "examples" / "guide", "1.75.0": REPOSITORY / "examples" / "guide" / "legacy"}
"""The SDK of each generation, and the programs written for it."""
TRACER = (sys.executable, "-m", "tracer")
SECRET = "mcp-secret-4d1f"


@dataclass(frozen=True)
class Program:
    """A program, the guide's section it is for, something that it prints, and its records in order.

    A record is `input -> output`: content types of texts and media, step types of the rest, thoughts left out; then
    its tools in brackets, and its status unless it is `completed`.
    """

    section: str
    printed: str
    records: tuple[str, ...]


_REPORT = "text -> google_search_call google_search_result text"
PROGRAMS = {
    "chat_stateful": Program("Stateful chat", "What's my name? -> Your name is Alice.", ("text -> text",) * 3),
    "chat_stateless": Program("Stateless chat", "Your name is Alice.", ("text model_output text -> text",)),
    "image": Program("Image understanding", "image (image/png, 343 bytes)", ("text image -> text",)),
    "audio": Program("Audio understanding", "audio (audio/wav, 4044 bytes)", ("text audio -> text",)),
    "video": Program("Video understanding", "video (video/avi, 4104 bytes)", ("text video -> text",)),
    "document": Program("Document understanding", "document (application/pdf, 684 bytes)", ("text document -> text",)),
    "function_calling": Program(
        "Function calling",
        "According to calculate_price, total is 108.0.",
        ("text -> function_call [function] requires_action", "function_result -> text [function]"),
    ),
    "structured_output": Program(
        "Structured output", "ProductReview(sentiment='positive', rating=5", ("text -> text",)
    ),
    "streaming": Program("Streaming", "Machine learning, in short: ", ("text -> text",)),
    "google_search": Program(
        "Google Search",
        "searched for: Who won the 2024 Super Bowl",
        ("text -> google_search_call google_search_result text [google_search]",),
    ),
    "code_execution": Program(
        "Code execution",
        "-> 12586269025",
        ("text -> code_execution_call code_execution_result text [code_execution]",),
    ),
    "url_context": Program(
        "URL context",
        "https://example.com: success",
        ("text -> url_context_call url_context_result text [url_context]",),
    ),
    "mcp_server": Program(
        "MCP server",
        "weather_service.",
        ("text -> mcp_server_tool_call mcp_server_tool_result text [mcp_server]",),
    ),
    "background_research": Program("Background execution", "completed: # Report: Research quantum", (_REPORT,)),
    "multi_step_agent": Program("Multi-step agents", "# Answer", (_REPORT, "text -> text", "text -> text")),
    "data_extraction": Program("Data extraction", "Invoice(invoice_number=", ("text document -> text",)),
    "moderation": Program(
        "Content moderation",
        "categories=[], confidence=0.95)\nYou are terrible and I hate you. -> ModerationResult(is_safe=False",
        ("text -> text",) * 2,
    ),
    "image_generation": Program("Image generation", "image/png, ", ("text -> image",) * 2),
    "files": Program("Files", "4104 bytes, ACTIVE", ("text video -> text",)),
    "error_handling": Program(
        "Error handling",
        "API Error: NotFoundError",
        ("text -> text", "text ->  None", "text ->  None", "text ->  failed"),
    ),
    "cost": Program("Cost optimization", "of them cached", ("text -> text", "text -> text incomplete")),
    "models": Program("Models and agents", "gemini-3-pro-preview: Hello", (*("text -> text",) * 4, _REPORT)),
}

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Guide:
    """What the programs of a generation did, each way; by program."""

    version: str
    folder: Path
    direct: dict[str, dict[str, Any]]
    proxied: dict[str, dict[str, Any]]
    recorded: dict[str, str]
    replayed: dict[str, str]
    accounts: dict[str, list[dict[str, Any]]]

    def records(self, program: str) -> list[dict[str, Any]]:
        """The records of a program, which are told by its API key; oldest first."""
        account_key = (self.folder / "proxied" / "home" / "account.key").read_bytes()
        return self.accounts.get(account_tag(self.proxied[program]["key"], account_key), [])


def each(system: str, versions: Iterable[str] = FOLDERS) -> Callable[[Any], Any]:
    """Every program of the generations; a test that passes is a cell in `docs/coverage.md`."""
    cases = [
        pytest.param(
            version, name,
            marks=[pytest.mark.guide(program.section, system, version), pytest.mark.xdist_group(f"guide {version}")],
            id=f"{version}-{name}",
        )
        for version in versions
        for name, program in PROGRAMS.items()
    ]  # fmt: skip
    return pytest.mark.parametrize(("version", "name"), cases)


def call(folder: Path, *command: str, emulator: tuple[str, ...] | None = ()) -> str:
    """What a command says, with `folder` as its home, behind an emulator with these options or with no service."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TRACER_HOME": str(folder / "home")}
    emulate = [] if emulator is None else [*TRACER, "emulate", *emulator, "--"]
    done = subprocess.run(
        [*emulate, *command], env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder / "stderr.log").write_text(done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def guides(
    sdk_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Guide | Exception]:
    """From a version to its programs' doings, or what went wrong; each is run once."""

    def run(version: str) -> Guide | Exception:
        try:
            return _run(version, str(sdk_python(version)), tmp_path_factory.mktemp(f"guide-{version}"))
        except Exception as error:
            return error

    return cache(run)


@pytest.fixture
def guide(guides: Callable[[str], Guide | Exception], version: str) -> Guide:
    done = guides(version)
    if isinstance(done, Exception):
        raise done
    return done


def _run(version: str, python: str, folder: Path) -> Guide:
    programs = [python, str(ALL_PROGRAMS), str(FOLDERS[version])]
    db = folder / "tracer.db"
    run = [*TRACER, "run", "--db", str(db), "--"]
    suite = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(_suite(folder, FOLDERS[version]))]
    seeded = ("--seed", "7")
    with ThreadPoolExecutor() as pool:
        direct = pool.submit(call, folder / "direct", *programs, emulator=seeded)
        proxied = pool.submit(call, folder / "proxied", *run, *programs, emulator=seeded)
        call(folder / "recorded", *suite, "--interactions-record=once")
        call(folder / "replayed", *suite, emulator=None)
        told = [json.loads(ended.result()) for ended in (direct, proxied)]
    accounts: dict[str, list[dict[str, Any]]] = {}
    for record in sorted(_records(db, folder), key=lambda record: record["timing"]["started_at"]):
        accounts.setdefault(record["account"], []).append(record)
    printed = [{path.stem: path.read_text() for path in (folder / name).glob("*.txt")} for name in _SUITES]
    return Guide(version, folder, *told, *printed, accounts)


_SUITES = ("recorded", "replayed")


def _suite(folder: Path, programs: Path) -> Path:
    # Each program as a test of a user: what it prints goes into the working folder.
    module = folder / "suite" / "test_programs.py"
    module.parent.mkdir()
    module.write_text(
        f"""
import contextlib, io, runpy
from pathlib import Path
import pytest

@pytest.mark.interactions(errors=True)
@pytest.mark.parametrize("name", {sorted(path.stem for path in programs.glob("*.py"))!r})
def test_program(name):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(f"{programs}/{{name}}.py", run_name="__main__")
    Path(f"{{name}}.txt").write_text(printed.getvalue())
"""
    )
    return module


def _records(db: Path, folder: Path) -> list[dict[str, Any]]:
    listing = ("list", "--json", "--all-projects", "--limit", "1000", "--db", str(db))
    listed = call(folder / "proxied", *TRACER, *listing, emulator=None)
    return [json.loads(line) for line in listed.splitlines()]


def outline(record: dict[str, Any]) -> str:
    """The record in the words of `Program.records`."""
    given = [
        " ".join(content["type"] for content in step["content"]) if step["type"] == "user_input" else step["type"]
        for step in record["input"]
    ]
    made = [
        " ".join(content["type"] for content in step["content"]) if step["type"] == "model_output" else step["type"]
        for step in record["output"]
        if step["type"] != "thought"
    ]
    tools = [tool["type"] for tool in record["request"].get("tools", [])]
    said = f"{' '.join(given)} -> {' '.join(made)}" + (f" [{' '.join(tools)}]" if tools else "")
    return said if record["status"] == "completed" else f"{said} {record['status']}"


def without_ports(printed: str) -> str:
    """What a program printed, without the address of the server it talked to."""
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://HOST", printed)


def test_each_generation_has_every_program() -> None:
    for folder in FOLDERS.values():
        assert {program.stem for program in folder.glob("*.py")} == PROGRAMS.keys()


def test_page_has_a_row_for_each_section_and_a_cell_for_what_passed() -> None:
    assert sorted(program.section for program in PROGRAMS.values()) == sorted(guide_coverage.SECTIONS)
    passed = {("Streaming", "record", "3.4.0"), ("Streaming", "record", "1.75.0"), ("Files", "replay", "3.4.0")}
    lines = guide_coverage.page(passed).splitlines()
    assert "| Streaming | - | 1.75.0, 3.4.0 | - | - | - |" in lines
    assert "| Files | - | - | - | - | 3.4.0 |" in lines
    assert "| Cost optimization | - | - | - | - | - |" in lines


@each("emulator")
def test_emulator(guide: Guide, name: str) -> None:
    told = guide.direct[name]
    assert told["error"] is None
    assert PROGRAMS[name].printed in told["printed"]


@each("proxy")
def test_proxy_changes_nothing(guide: Guide, name: str) -> None:
    assert guide.records(name)
    assert guide.proxied[name]["error"] is None
    assert without_ports(guide.proxied[name]["printed"]) == without_ports(guide.direct[name]["printed"])


@each("record")
def test_record(guide: Guide, name: str) -> None:
    records = guide.records(name)
    expected = list(PROGRAMS[name].records)
    if name == "image_generation" and guide.version == "1.75.0":
        expected.pop()  # the older SDK has one way to ask for a picture
    assert [outline(record) for record in records] == expected
    for record in records:
        assert record["notes"] == []
        assert not any(record["unknown"].values())
        refused = record["state"] == "error"
        assert refused == (record["status"] is None)
        assert record["dialect"] == ("unknown" if refused else "outputs" if guide.version.startswith("1.") else "steps")
        if not refused:
            assert record["usage"]["sum_ok"] is True
            assert record["usage"]["total_tokens"] > 0


@each("screen", ["3.4.0"])  # records are alike in both generations, as `test_record` says
async def test_screen(guide: Guide, name: str) -> None:
    record = guide.records(name)[-1]
    shown = letters(await _transcript(guide.folder / "tracer.db", record))
    assert [said for said in _to_be_seen(record) if letters(said)[:100] not in shown] == []


def letters(text: str) -> str:
    """A text without its spaces, lines and marks, which a narrow pane and Markdown change."""
    return re.sub(r"[\W_]+", "", text)


def _to_be_seen(record: dict[str, Any]) -> list[str]:
    # Status or error, what was said, what was sent along, and which tools were called.
    seen = [record["error"]["message"] if record["error"] else record["status"]]
    for step in record["input"] + record["output"]:
        contents = step["content"] if step["type"] in ("user_input", "model_output") else []
        for content in contents:
            seen += _words(content.get("text") or f"{content['type']} {content['mime_type']}")
        if step["type"].endswith("_call"):
            seen.append(step.get("name") or step["type"].removesuffix("_call"))
    return seen


def _words(text: str) -> list[str]:
    # A text; of structured output its names and values, between which the screen may say what was asked for.
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return _leaves(value) if isinstance(value, dict) else [text]


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for name, part in value.items() for leaf in (name, *_leaves(part))]
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else [json.dumps(value)]


async def _transcript(db: Path, record: dict[str, Any]) -> str:
    # What the screen shows of a record that it is opened at.
    from textual.worker import WorkerCancelled

    from tui.app import TracerApp
    from tui.header import Facts
    from tui.screens.conversations import Start

    with closing(Reader(db)) as reader:
        rows = reader.conversations(reader.conversation_seqs(None, None))
    (seq,) = [row.seq for row in rows if row.root_key == record["root_key"]]
    start = Start(seq, record["root_key"], record["key"])
    app = TracerApp(lambda: Reader(db), Facts("tracer.db", None), start=start, poll_seconds=None)
    async with app.run_test(size=(200, 60)) as pilot:
        quiet = 0
        while quiet < 2:
            busy = any(not worker.is_finished for worker in app.workers)
            with suppress(WorkerCancelled):  # a newer request replaced it
                await app.workers.wait_for_complete()
            await pilot.pause()
            quiet = 0 if busy else quiet + 1
        lines = ["".join(segment.text for segment in line.segments).strip() for line in app.first_screen.steps.lines]
    return "\n".join(lines)


@each("replay")
def test_replay(guide: Guide, name: str) -> None:
    assert PROGRAMS[name].printed in guide.recorded[name]
    assert without_ports(guide.replayed[name]) == without_ports(guide.recorded[name])


GENERATIONS = pytest.mark.parametrize(
    "version", [pytest.param(version, marks=pytest.mark.xdist_group(f"guide {version}")) for version in FOLDERS]
)


@GENERATIONS
def test_turns_are_linked_and_cached(guide: Guide) -> None:
    for name in ("chat_stateful", "function_calling", "multi_step_agent", "cost"):
        records = guide.records(name)
        for parent, child in itertools.pairwise(records):
            assert child["parent_key"] == parent["key"]
            assert child["usage"]["cached_tokens"] > 0
            assert child["usage"]["cached_tokens"] < child["usage"]["input_tokens"]


@GENERATIONS
def test_jobs_retries_errors_and_schemas(guide: Guide) -> None:
    (job,) = guide.records("background_research")
    assert job["polls"] == guide.proxied["background_research"]["printed"].count("thought: ") - 1 == 3
    again, refused, orphan, failed = guide.records("error_handling")
    assert again["retries"] == 1
    assert [record["error"]["code"] for record in (refused, orphan)] == ["invalid_request", "not_found"]
    assert failed["error"]["message"] in guide.proxied["error_handling"]["printed"]
    for name in ("structured_output", "data_extraction", "moderation"):
        assert [record["schema_ok"] for record in guide.records(name)] == [True] * len(guide.records(name))
    (streamed,) = guide.records("streaming")
    assert streamed["stream"] is True
    assert streamed["output_text"] in guide.proxied["streaming"]["printed"]


@GENERATIONS
def test_secrets_of_the_programs_are_nowhere(guide: Guide) -> None:
    secrets = [SECRET.encode(), *(told["key"].encode() for told in guide.proxied.values())]
    kept = [path for path in guide.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".yaml" for path in kept)
    assert [path for path in kept if any(secret in path.read_bytes() for secret in secrets)] == []


def test_media_are_what_their_maker_makes() -> None:
    media = FOLDERS["3.4.0"] / "media"
    maker: dict[str, Any] = {"__name__": "make", "__file__": str(media / "make.py")}
    exec(compile((media / "make.py").read_text(), "make.py", "exec"), maker)
    for name, make in maker["MADE"].items():
        if name != "sunset.png":  # zlib's bytes vary from release to release
            assert (media / name).read_bytes() == make(), name
