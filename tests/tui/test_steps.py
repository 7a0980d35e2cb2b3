"""What the transcript says of tools, sources, citations, structured output and the life line."""

from __future__ import annotations

import dataclasses
import json

from drawn import answered, detail, said, transcript

from tracer.testing import answer, exchange, function_call
from tui.blocks import blocks
from tui.outline import outline
from tui.structured import fields
from tui.summary import head
from tui.transcript import bodies

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "Full name"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "email": {"type": "string"},
    },
    "required": ["name", "email"],
    "$defs": {"tag": {"enum": ["math", "poetry"]}},
}


def test_a_search_shows_what_was_asked_and_its_sources():
    steps = [
        {"type": "google_search_call", "id": "s", "arguments": {"queries": ["rain", "sun"]}},
        {"type": "google_search_result", "call_id": "s", "result": [{"title": "IPMA", "url": "https://ipma.pt"}]},
        {"type": "url_context_call", "id": "u", "arguments": {"urls": ["https://a.b"]}},
        {"type": "url_context_result", "call_id": "u", "result": [{"url": "https://a.b", "status": "paywall"}]},
        {"type": "google_maps_call", "id": "m", "arguments": {"queries": ["cafe"]}},
        {
            "type": "google_maps_result",
            "call_id": "m",
            "result": [{"places": [{"name": "A Brasileira", "url": "https://m"}]}],
        },
    ]
    shown = answered(*steps)
    assert "▍⚙ google_search  s\n  ? rain\n  ? sun\n  ↳ IPMA  https://ipma.pt\n" in shown
    assert "  ? https://a.b\n  ↳ https://a.b  paywall\n" in shown
    assert "  ? cafe\n  ↳ A Brasileira  https://m\n" in shown


def test_what_is_no_source_is_shown_as_it_came():
    steps = [
        {"type": "google_search_call", "id": "s", "arguments": {"queries": ["rain"], "zone": 1}},
        {"type": "google_search_result", "call_id": "s", "result": [{"rank": 1}]},
    ]
    assert '{"queries": ["rain"], "zone": 1}\n  ↳ [{"rank": 1}]' in answered(*steps)


def test_code_is_shown_as_code():
    call = {"type": "code_execution_call", "id": "x", "arguments": {"code": "a = 1\nprint(a)", "language": "python"}}
    shown = answered(call, {"type": "code_execution_result", "call_id": "x", "result": "1\n"})
    assert "   a = 1\n   print(a)\n" in shown
    assert "  ↳ 1\n" in shown


def test_a_citation_names_its_source_and_the_words_it_stands_for():
    text = "Zürich is sunny. Take a hat."
    cited = len("Zürich is sunny.".encode())
    annotations = [
        {"type": "url_citation", "url": "https://w", "title": "Weather", "start_index": 0, "end_index": cited},
        {"type": "url_citation", "url": "https://w", "title": "Weather", "start_index": cited, "end_index": 99},
        {"type": "file_citation", "file_name": "f.pdf", "document_uri": "d", "page_number": 3},
        {"type": "word_info", "text": "Zürich"},
    ]
    shown = answered({"type": "model_output", "content": [{"type": "text", "text": text, "annotations": annotations}]})
    assert "  [1] Weather  https://w  “Zürich is sunny.”\n  [2] f.pdf  d  page 3\n" in shown
    assert "[3]" not in shown


def test_call_and_result_stand_side_by_side_where_there_is_room():
    shown = detail(exchange({"model": "m", "input": "Go"}, answer("v1_a", steps=[function_call("c", "f", n=1)])))
    result = {"type": "function_result", "call_id": "c", "name": "f", "result": {"ok": True}}
    shown = dataclasses.replace(shown, results={"c": result}, waits={"c": 640.0})
    block = blocks(shown)[1]
    assert block.note == "c · 640ms in the app · next turn"
    narrow, wide = bodies([block], 60)[0], bodies([block], 120)[0]
    assert [said(line) for line in narrow] == ['{"n": 1}', '↳ {"ok": true}']
    assert len(wide) == 1
    assert said(wide[0]).split(" │ ")[0].strip() == '{"n": 1}'


def structured(text: str, schema=SCHEMA) -> str:
    form = {"type": "text", "mime_type": "application/json", "schema": schema}
    request = {"model": "m", "input": "Go", "response_format": form}
    return transcript(detail(exchange(request, answer("v1_a", text=text))), 70)


def test_structured_output_stands_beside_its_schema():
    shown = structured(json.dumps({"name": "Ada", "tags": ["math"]}))
    assert "does not satisfy its schema" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ['"name":', '"Ada",', "string", "·", "Full", "name"] in lines
    assert ['"math"', "one", "of", '"math",', '"poetry"'] in lines
    assert ['"email"', "required,", "missing", "(string)"] in lines
    assert "satisfies its schema" in structured(json.dumps({"name": "Ada", "email": "a@b"}))


def test_what_should_be_json_and_is_not_says_so():
    assert "is no JSON, and a schema was asked for\n  Sorry" in structured("Sorry")


def test_a_schema_that_points_to_itself_ends():
    schema = {
        "$ref": "#/$defs/node",
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}, "type": "object"}},
    }
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert [field.wanted for field in fields({"next": {"next": {}}}, schema)][:3] == ["object"] * 3
    assert fields({"a": 1}, loop)[0].wanted == ""


def test_a_job_tells_its_life():
    job = {"id": "v1_j", "object": "interaction", "status": "in_progress", "agent": "deep-research"}
    asked = {"agent": "deep-research", "input": "Go", "background": True}
    busy = {"error": {"code": "unavailable", "message": "overloaded"}}
    second = 1_000_000
    first = exchange(asked, busy, status=503)
    start = first.started_at_us
    polls = [exchange(None, job, path="/v1/interactions/v1_j", at_us=start + n * 5 * second) for n in range(1, 9)]
    shown = transcript(detail(first, exchange(asked, job, at_us=start + 2 * second), *polls), 100)
    life = shown[shown.index("▍Life line") :].splitlines()
    assert life[0] == "▍Life line  10 requests"
    assert life[1].split() == ["+0ms", "create", "503", "1.0s", "unavailable", "overloaded"]
    assert life[2].split() == ["+2.0s", "create", "200", "1.0s", "attempt", "2"]
    assert life[3].split() == ["+5.0s", "get", "200", "x8", "every", "5.0s,", "the", "last", "+40.0s"]


def test_the_head_sums_up_the_branch():
    from drawn import chain

    shown = detail(exchange({"model": "m", "input": "Go"}, answer("v1_a", text="x")))
    branch = outline(chain(0, 3))[1]
    lines = [said(line).strip() for line in head(dataclasses.replace(shown, branch=branch), 80)]
    assert "branch Σ 2 turns 20 tok $2.00 so far   onward 3 turns 30 tok $3.00" in lines
