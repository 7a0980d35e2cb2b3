"""Whole files of every kind, into a database and once more."""

from __future__ import annotations

import base64
import gzip
import http.client
import io
import json
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from mitmproxy import http as mitm_http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from tracer.cassettes.format import dumps
from tracer.cassettes.jsonl import dump_line
from tracer.errors import CassetteError
from tracer.imports.importing import Imported, Importer
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange

KEY = "AIzaSyCanary0123456789-canary_abcdefghi"
GEMINI = "https://generativelanguage.googleapis.com"
ASKED = {"model": "gemini-3.5-flash", "input": f"Grüß dich, {KEY}"}
ANSWER = json.dumps(answer("v1_a", text=f"Your key is {KEY}.", created="2026-08-17T16:21:52Z")).encode()
MASKED = ANSWER.replace(KEY.encode(), b"[redacted]")


def run_import(file: Path, db: Path, **more: Any) -> Imported:
    imported = Imported()
    with Writer(db) as writer:
        importer = Importer(writer=writer, project="test", account_key=b"k" * 32, max_body=1 << 20, **more)
        importer.file(file, imported)
    return imported


def everything(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(db)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    content = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    connection.close()
    return content


def stored(db: Path) -> list[Exchange]:
    with Reader(db) as reader:
        ours = [one for row in reader.interactions() for one in reader.exchanges(row.key)]
        return ours + [one for run in reader.runs() for one in reader.others(run.run)]


def har(*calls: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": list(calls)}}).encode()


def entry(url: str = f"{GEMINI}/v1/interactions", second: int = 0, **response: Any) -> dict[str, Any]:
    return {
        "startedDateTime": f"2026-11-22T09:00:{second:02}Z",
        "time": 30,
        "timings": {"send": 1, "wait": 20, "receive": 9},
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": "x-goog-api-key", "value": KEY}],
            "postData": {"mimeType": "application/json", "text": json.dumps(ASKED)},
        },
        "response": {"status": 200, "headers": [], "content": {"text": ANSWER.decode()}, **response},
    }


def flow() -> mitm_http.HTTPFlow:
    one = tflow.tflow(resp=True)
    headers = {"x-goog-api-key": KEY, "Content-Type": "application/json"}
    one.request = mitm_http.Request.make("POST", f"{GEMINI}/v1/interactions", json.dumps(ASKED).encode(), headers)
    one.request.timestamp_start = START_US / 1e6
    one.response = mitm_http.Response.make(200, b"", {"content-encoding": "gzip"})
    one.response.raw_content = gzip.compress(ANSWER, mtime=0)
    one.response.timestamp_start = one.response.timestamp_end = START_US / 1e6 + 1
    return one


def flow_file() -> bytes:
    file = io.BytesIO()
    FlowWriter(file).add(flow())
    return file.getvalue()


def vcr() -> bytes:
    request = {"method": "POST", "uri": f"{GEMINI}/v1/interactions?key={KEY}", "body": json.dumps(ASKED), "headers": {}}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": ANSWER.decode()}}
    return yaml.safe_dump({"version": 1, "interactions": [{"request": request, "response": response}]}).encode()


def parsed_bodies() -> bytes:
    request = {"method": "POST", "uri": f"{GEMINI}/v1/interactions?key={KEY}", "headers": {}, "parsed_body": ASKED}
    response = {"status": {"code": 200, "message": "OK"}, "headers": {}, "parsed_body": json.loads(ANSWER)}
    calls = [{"request": request, "response": response}]
    return yaml.safe_dump({"interactions": calls, "version": 1}, allow_unicode=True).encode()


def when_then() -> bytes:
    when = {"path": "/v1/interactions", "method": "POST", "body": json.dumps(ASKED)}
    when["query_param"] = [{"name": "key", "value": KEY}]
    return yaml.safe_dump({"when": when, "then": {"status": 200, "header": [], "body": ANSWER.decode()}}).encode()


def one_exchange() -> Exchange:
    return exchange(ASKED, json.loads(ANSWER), request_headers=(("x-goog-api-key", KEY),))


FILES: dict[str, Callable[[], bytes]] = {
    "har": lambda: har(entry()),
    "har with a BOM": lambda: b"\xef\xbb\xbf" + har(entry()),
    "pretty har": lambda: json.dumps(json.loads(har(entry())), indent=2).encode(),
    "base64 har": lambda: har(entry(content={"encoding": "base64", "text": base64.b64encode(ANSWER).decode()})),
    "flows": flow_file,
    "vcr": vcr,
    "vcr as JSON": lambda: json.dumps(yaml.safe_load(vcr())).encode(),
    "parsed bodies": parsed_bodies,
    "when/then": when_then,
    "lines": lambda: dump_line(one_exchange()).encode(),
    "our cassette": lambda: dumps([one_exchange()]).encode(),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_becomes_a_record_without_the_key_and_only_once(kind: str, tmp_path: Path) -> None:
    file, db = tmp_path / "any name", tmp_path / "t.db"
    file.write_bytes(FILES[kind]())
    first = run_import(file, db)
    assert (first.interactions, first.others, first.known, first.skipped) == (1, 0, 0, {})
    [one] = stored(db)
    assert json.loads(one.response_body) == json.loads(MASKED)
    if kind != "parsed bodies":
        assert one.response_body == MASKED
    assert json.loads(one.request_body)["input"] == "Grüß dich, [redacted]"
    with Reader(db) as reader:
        [row] = reader.interactions()
        assert (row.id, row.status, row.model, row.state) == ("v1_a", "completed", "gemini-3.5-flash", "complete")
        assert KEY not in json.dumps(reader.record(row.key))
    before = everything(db)
    assert KEY not in repr(before)
    assert KEY not in repr(stored(db))
    for path in tmp_path.glob("t.db*"):
        assert KEY.encode() not in path.read_bytes()
        assert b"canary_abcdefghi" not in path.read_bytes()
    again = run_import(file, db)
    assert (again.interactions, again.others, again.known) == (0, 0, 1)
    assert everything(db) == before


def test_a_file_is_a_run(tmp_path: Path) -> None:
    file, db = tmp_path / "session.har", tmp_path / "t.db"
    file.write_bytes(har(entry()))
    run_import(file, db, tags={"source": "browser"})
    with Reader(db) as reader:
        [run] = reader.runs()
        [row] = reader.interactions()
        assert row.run == run.run
        assert (run.project, run.command, run.exit_code) == ("test", ("import", str(file)), 0)
        assert reader.record(row.key)["tags"] == {"source": "browser"}
        assert run.ended_at_us is not None


def test_times_of_a_har_are_the_records(tmp_path: Path) -> None:
    file, db = tmp_path / "session.har", tmp_path / "t.db"
    file.write_bytes(har(entry()))
    run_import(file, db)
    with Reader(db) as reader:
        [row] = reader.interactions()
        timing = reader.record(row.key)["timing"]
    assert timing["started_at"] == "2026-11-22T09:00:00.000000Z"
    assert (timing["headers_ms"], timing["duration_ms"]) == (21, 30)


def test_a_recording_that_grew_brings_only_what_is_new(tmp_path: Path) -> None:
    file, db = tmp_path / "session.har", tmp_path / "t.db"
    file.write_bytes(har(entry(), entry(second=5)))
    run_import(file, db)
    file.write_bytes(har(entry(), entry(second=3), entry(second=5)))
    imported = run_import(file, db)
    assert (imported.interactions, imported.known) == (1, 2)


def test_other_calls_are_kept_bare_if_they_went_to_the_same_hosts(tmp_path: Path) -> None:
    file, db = tmp_path / "session.har", tmp_path / "t.db"
    gateway = "https://gateway.example"
    file.write_bytes(
        har(
            entry(f"{gateway}/upload?key={KEY}"),
            entry("https://bank.example/account"),
            entry(f"{GEMINI}/v1beta/files", second=1),
            entry(f"{gateway}/some/v1/interactions", second=2),
            entry(f"{gateway}/health", second=3),
        )
    )
    imported = run_import(file, db)
    assert (imported.interactions, imported.others) == (1, 3)
    assert imported.skipped == {"calls to other hosts": 1}
    others = [one for one in stored(db) if not one.path.endswith("interactions")]
    assert sorted(one.path for one in others) == ["/health", "/upload", "/v1beta/files"]
    assert all((one.request_body, one.response_body) == (b"", b"") for one in others)
    assert all(one.response_size == len(ANSWER) for one in others)
    assert "bank.example" not in repr(everything(db))


def test_more_calls_than_a_batch_holds(tmp_path: Path) -> None:
    file, db = tmp_path / "lines.jsonl", tmp_path / "t.db"
    many = [exchange({"input": f"q{n}"}, answer(f"v1_{n}"), at_us=START_US + n) for n in range(120)]
    file.write_text("\n".join(dump_line(one) for one in many))
    reached: list[int] = []
    imported = Imported()
    with Writer(db) as writer:
        importer = Importer(writer=writer, project="test", account_key=b"k" * 32, max_body=1 << 20)
        importer.file(file, imported, reached.append)
    assert imported.interactions == 120
    assert reached == sorted(reached)
    assert reached[-1] == file.stat().st_size
    assert {one.key for one in stored(db)} == {one.key for one in many}


def test_chunk_times_of_lines_survive(tmp_path: Path) -> None:
    file, db = tmp_path / "lines.jsonl", tmp_path / "t.db"
    one = exchange({"input": "x", "stream": True}, text_stream("v1_a", ["Hal", "lo"]))
    file.write_text(dump_line(one) + "\n")
    run_import(file, db)
    [back] = stored(db)
    assert (back.key, back.chunks, back.response_body) == (one.key, one.chunks, one.response_body)


def test_damaged_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    file, db = tmp_path / "lines.jsonl", tmp_path / "t.db"
    good = dump_line(exchange({"input": "x"}, answer("v1_a")))
    damaged = good.replace('"outcome":"complete"', '"outcome":"lost"')
    file.write_text(f"{good}\n\nnot JSON\n{{}}\n{damaged}\n{good[:50]}")
    imported = run_import(file, db)
    assert imported.interactions == 1
    assert imported.skipped == {"lines that are no exchange": 3, "damaged lines": 1}


def test_a_refused_attempt_and_its_retry_are_one_record(tmp_path: Path) -> None:
    file, db = tmp_path / "c.yaml", tmp_path / "t.db"
    call = yaml.safe_load(vcr())["interactions"][0]
    refused = {**call, "response": {"status": {"code": 503, "message": ""}, "headers": {}, "body": {"string": "{}"}}}
    file.write_text(yaml.safe_dump({"version": 1, "interactions": [refused, call]}))
    assert run_import(file, db).interactions == 2
    with Reader(db) as reader:
        [row] = reader.interactions()
        assert (row.status, row.retries) == ("completed", 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"%PDF-1.7", "begins like none of them"),
        (b"{", "not valid JSON"),
        (b'{"a": 1}', "other JSON"),
        (b"[" * 100_000, "begins like none of them"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b'{"schema":1,"key":"0","output":[],"exchanges":[]}', "records, which are derived"),
        (b"interactions: [\n", "not valid YAML"),
        (b"when: 3\n", "is no recording"),
        (json.dumps({"tracer": "exchange", "format": 9}).encode(), "format 9"),
        (b"interactions: []\nversion: 1\nmetadata:\n  tracer:\n    format: 9\n", "format 9"),
    ],
)
def test_what_cannot_be_imported_is_named_in_one_sentence(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "some.file"
    file.write_bytes(content)
    with pytest.raises(CassetteError) as raised:
        run_import(file, tmp_path / "t.db")
    assert told in str(raised.value)
    assert "some.file" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture
def service() -> Iterator[str]:
    """Answers like the service: compressed, as JSON or as a stream."""
    events = b'event: interaction.completed\ndata: {"event_type":"interaction.completed","interaction":{"id":"v1_s",'
    events += b'"status":"completed","model":"gemini-3.5-flash"}}\n\ndata: [DONE]\n\n'

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stream = asked.get("stream")
            body = gzip.compress(events if stream else ANSWER)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if stream else "application/json")
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_cassette_that_vcr_recorded(service: str, tmp_path: Path) -> None:
    file, db = tmp_path / "recorded.yaml", tmp_path / "t.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vcr  # type: ignore[import-untyped]
    bodies = []
    with vcr.VCR().use_cassette(str(file)):
        for number in range(3):
            connection = http.client.HTTPConnection(service)
            asked = json.dumps({**ASKED, "input": f"Frage {number}", "stream": number == 2})
            connection.request("POST", "/v1/interactions", asked, {"x-goog-api-key": KEY})
            bodies.append(gzip.decompress(connection.getresponse().read()))
            connection.close()
    assert KEY in file.read_text()
    assert run_import(file, db).interactions == 3
    found = stored(db)
    assert sorted(one.response_body for one in found) == sorted(
        body.replace(KEY.encode(), b"[redacted]") for body in bodies
    )
    assert {json.loads(one.request_body)["input"] for one in found} == {"Frage 0", "Frage 1", "Frage 2"}
    assert KEY not in repr(found)
    assert {one.origin for one in found} == {f"http://{service}"}
    before = everything(db)
    assert run_import(file, db).known == 3
    assert everything(db) == before


def test_every_real_recording(shared: Path, tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    files = sorted((shared / "recordings").rglob("*.yaml"))
    total = Imported()
    for file in files:
        imported = run_import(file, db)
        assert imported.taken, file
        total.add(imported)
    assert total.interactions > 40
    with Reader(db) as reader:
        rows = reader.interactions()
        assert all(row.dialect in ("steps", "outputs") for row in rows if row.status == "completed")
    before = everything(db)
    for file in files:
        again = run_import(file, db)
        assert (again.interactions, again.others) == (0, 0), file
    assert everything(db) == before
