"""Whatever a file holds: calls are imported, entries left out, or one sentence is said. Nothing else comes out."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from tracer.cassettes.format import dumps
from tracer.cassettes.jsonl import dump_line
from tracer.errors import CassetteError
from tracer.imports.importing import Imported, Importer
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import answer, exchange, text_stream

CALLS = [
    exchange({"model": "gemini-3.5-flash", "input": "Hi"}, answer("v1_a", text="Hello.")),
    exchange({"model": "gemini-3.5-flash", "input": "Hi", "stream": True}, text_stream("v1_b", ["Hel", "lo"])),
]
ENTRY = {
    "startedDateTime": "2026-11-22T09:00:00Z",
    "time": 30,
    "timings": {"blocked": 0, "send": 1, "wait": 20, "receive": 9},
    "request": {
        "method": "POST",
        "url": "https://generativelanguage.googleapis.com/v1/interactions?alt=sse",
        "headers": [{"name": "x-goog-api-key", "value": "some-secret-4711"}],
        "bodySize": 3,
        "postData": {"mimeType": "application/json", "text": '{"input":"x"}', "params": [{"name": "a", "value": "b"}]},
    },
    "response": {
        "status": 200,
        "bodySize": 9,
        "headers": [{"name": "content-type", "value": "application/json"}],
        "content": {"size": 9, "text": '{"id":"v1_h"}', "encoding": "utf8"},
        "_error": None,
    },
}
odd = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(st.characters() | st.sampled_from("\ud800\udc80\x00\n"), max_size=8)
    | st.sampled_from([[], {}, [[]], "base64", "https://[", "https://a:b@c:99999/v1/interactions"])
)


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Importer]:
    db = tmp_path_factory.mktemp("any") / "t.db"
    with Writer(db) as writer:
        yield Importer(writer=writer, project="test", account_key=b"k" * 32, max_body=1 << 20)
    with Reader(db) as reader:
        rows = reader.interactions()
        assert rows
        assert all(reader.record(row.key)["schema"] == 1 for row in rows)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "file"


def attempt(importer: Importer, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    imported, said = Imported(), ""
    try:
        importer.file(file, imported)
    except CassetteError as error:
        said = str(error)
    assert "\n" not in said
    if not said:
        again = Imported()
        importer.file(file, again)
        assert (again.interactions, again.others, again.known) == (0, 0, imported.taken)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        yield from leaves(inner, (*path, name))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return document


def flow_file() -> bytes:
    file = io.BytesIO()
    for path in ("/v1/interactions", "/v1beta/files"):
        flow = tflow.tflow(resp=True)
        flow.request.host, flow.request.path = "generativelanguage.googleapis.com", path
        FlowWriter(file).add(flow)
    return file.getvalue()


quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HAR_PLACES = [path for path in leaves(ENTRY) if path]
LINE = json.loads(dump_line(CALLS[1]))
LINE_PLACES = [path for path in leaves(LINE) if path and len(path) < 3]


@quick
@given(st.sampled_from(HAR_PLACES), odd)
def test_a_har_with_anything_in_it(importer: Importer, file: Path, path: tuple[Any, ...], value: Any) -> None:
    entry = changed(ENTRY, path, value)
    attempt(importer, file, json.dumps({"log": {"entries": [entry, ENTRY]}}).encode())


@quick
@given(st.sampled_from(LINE_PLACES), odd)
def test_a_line_with_anything_in_it(importer: Importer, file: Path, path: tuple[Any, ...], value: Any) -> None:
    lines = [json.dumps(changed(LINE, path, value)), dump_line(CALLS[0])]
    attempt(importer, file, "\n".join(lines).encode())


WHOLE = [
    flow_file(),
    dumps(CALLS).encode(),
    "\n".join(map(dump_line, CALLS)).encode(),
    json.dumps({"log": {"entries": [ENTRY]}}).encode(),
]


@quick
@given(st.sampled_from(WHOLE), st.floats(0, 1), st.floats(0, 0.02), st.binary(max_size=12))
def test_a_file_with_a_hole(
    importer: Importer, file: Path, data: bytes, start: float, length: float, filling: bytes
) -> None:
    first = int(start * len(data))
    attempt(importer, file, data[:first] + filling + data[first + int(length * len(data)) :])


@quick
@given(st.binary(max_size=200))
def test_any_bytes(importer: Importer, file: Path, data: bytes) -> None:
    attempt(importer, file, data)
    attempt(importer, file, b"{" + data)
    attempt(importer, file, b"interactions:\n- request: " + data)
