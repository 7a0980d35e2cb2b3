"""A line of the steps is a value of the record: its jq path finds it there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from drawn import ASKED, detail

from tracer.testing import answer, exchange, function_call
from tui.blocks import blocks
from tui.places import place
from tui.transcript import bodies

ORDER = {"id": 417, "lines": [{"sku": "LAMP-1", "notes": ["x" * 50, "y" * 50]}, {"sku": "BULB", "notes": []}]}
INVOICE = {"customer": "Ada", "lines": [{"sku": "LAMP-1"}, {"sku": "BULB"}], "paid": True}
SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "string", "description": "Full name"}, "due": {"type": "string"}},
    "required": ["customer", "due"],
}
STEPS = [
    {"type": "thought", "summary": [{"type": "text", "text": "Look."}], "signature": "c2ln"},
    function_call("c1", "lookup", **ORDER),
    {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["rain", "sun"]}},
    {"type": "google_search_result", "call_id": "s1", "result": [{"odd": 1}]},
    {"type": "model_output", "content": [{"type": "text", "text": json.dumps(INVOICE)}]},
]
SHAPE = {"response_format": {"type": "text", "mime_type": "application/json", "schema": SCHEMA}}
SHOWN = detail(exchange({**ASKED, **SHAPE}, answer("v1_a", steps=STEPS)))


def places(width):
    made = blocks(SHOWN)
    for block, body in zip(made, bodies(made, width), strict=True):
        for number, line in enumerate(body):
            if (found := place(block, width, number)) is not None:
                yield "".join(segment.text for segment in line).strip(), found


def valued(record, path):
    """What jq makes of a path, for the few forms that there are."""
    for step in re.split(r" \| ", path):
        if step == "fromjson":
            record = json.loads(record)
            continue
        for name, index in re.findall(r"\.?([A-Za-z_]+)|\[(\d+)\]", step):
            record = record[name] if name else record[int(index)]
    return record


@pytest.mark.parametrize("width", [30, 60, 110])
def test_every_line_is_the_value_that_its_path_finds(width):
    found = list(places(width))
    assert len({place.path for _, place in found}) > 12
    for line, (path, value) in found:
        held = valued(SHOWN.record, path)
        assert value == (held if isinstance(held, str) else json.dumps(held, ensure_ascii=False, indent=2)), line


def test_paths_are_those_that_a_line_shows():
    paths = {line: found.path for line, found in places(60)}
    assert paths["Look."] == ".output[0].summary[0].text"
    assert paths['"id": 417,'] == ".output[1].arguments.id"
    assert paths['"sku": "BULB",'] == ".output[1].arguments.lines[1].sku"
    assert paths["? sun"] == ".output[2].arguments.queries[1]"
    assert paths['↳ [{"odd": 1}]'] == ".output[3].result"
    assert paths['"paid": true'] == ".output[4].content[0].text | fromjson | .paid"


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_jq_itself_finds_them():
    for _, (path, value) in places(60):
        told = json.dumps(SHOWN.record)
        done = subprocess.run(["jq", "-r", path], input=told, capture_output=True, text=True, check=True, timeout=20)
        assert done.stdout.removesuffix("\n") == value


async def test_the_copy_menu_offers_them_where_the_cursor_is(opened, monkeypatch):
    sent = []
    monkeypatch.setattr("tui.app.TracerApp.copy_to_clipboard", lambda self, text: sent.append(text))
    async with opened() as driver:
        await driver.press("j", "j", "enter", "k", "enter", "slash", *"order", "underscore", *"id", "enter")
        await driver.press("y", "q", "y", "x")
        assert sent == [".output[1].arguments", '{\n  "order_id": 417\n}']
        await driver.press("g", "colon", *"copy", "space", *"jq", "enter")
        assert "from a line of JSON" in driver.text("#hints")
