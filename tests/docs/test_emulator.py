"""The examples of docs/emulator.md, run; its tables, compared with what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import ScriptError
from tracer.player.reply import Call
from tracer.player.rules import Rules
from tracer.player.script.model import Then, When
from tracer.player.script.reader import read_script
from tracer.player.script.source import Scripted
from tracer.player.script.steps import Step
from tracer.player.script.words import Words
from tracer.player.state import Engine
from tracer.serve.faults import FAULTS, OPTIONS, parse_fault

PAGE = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"sentiment": {"type": "string"}, "rating": {"type": "integer"}}}


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def section(title: str) -> str:
    return PAGE.partition(f"\n{title}\n")[2].partition("\n##")[0]


class Service:
    def __init__(self) -> None:
        self.engine = Engine(Scripted(read_script(block("yaml"), "answers.yaml"), Rules()), seed=1)

    def ask(self, text: Any, **fields: Any) -> dict[str, Any]:
        body = {**({} if "agent" in fields else {"model": "gemini-3.5-flash"}), "input": text, **fields}
        reply = self.engine.answer(Call("POST", "/v1/interactions", body=json.dumps(body).encode()), 0)
        return dict(json.loads(reply.body), http=reply.status)

    def get(self, interaction_id: str) -> dict[str, Any]:
        return dict(json.loads(self.engine.answer(Call("GET", f"/v1/interactions/{interaction_id}"), 0).body))


def said(answer: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for step in answer["steps"] for part in step.get("content", []))


def test_the_script_answers_as_its_names_say() -> None:
    service = Service()
    asked = service.ask("The weather in Oslo?", tools=[WEATHER])
    thought, call = asked["steps"]
    assert thought["summary"][0]["text"] == "I look up the weather of Oslo."
    assert call["arguments"] == {"location": "Oslo"}
    result = {"type": "function_result", "call_id": call["id"], "result": "20 degrees"}
    assert said(service.ask([result], previous_interaction_id=asked["id"])) == "It is sunny."
    wanted = {"type": "text", "schema": SCHEMA}
    reviews = [service.ask("A review: 4 of 5", response_format=wanted) for _ in range(3)]
    assert [review["http"] for review in reviews] == [429, 429, 200]
    assert json.loads(said(reviews[2])) == {"sentiment": "positive", "rating": 4}
    assert reviews[2]["usage"]["total_cached_tokens"] == 100
    job = service.ask("Tides", agent="deep-research-pro-preview-12-2025", background=True)
    polled = [service.get(job["id"]) for _ in range(3)]
    assert [job["status"], *(one["status"] for one in polled)] == ["queued", "in_progress", "in_progress", "completed"]
    (text,) = polled[-1]["steps"][-1]["content"]
    assert text["annotations"][0]["end_index"] == len(text["text"].encode())
    drawn = service.ask("Please draw")["steps"][0]["content"]
    assert [part["type"] for part in drawn] == ["text", "image"]
    assert "emulator" in said(service.ask("Something else"))


def test_the_mistake_is_told_as_the_page_says() -> None:
    script = "# answers.yaml\nstrict: false\n\nrules:\n  - name: a\n    when:\n      contians: x\n    then: y\n"
    (sentence,) = re.findall(r"`(answers\.yaml:\d+: .*), …`", PAGE)
    with pytest.raises(ScriptError) as caught:
        read_script(script, "answers.yaml")
    assert str(caught.value).startswith(sentence)


def test_the_python_example_is_a_test_that_passes(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(block("python"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("title", "model"), [("### `when`", When), ("### `then`", Then)])
def test_every_word_is_explained(title: str, model: type[Words]) -> None:
    text = section(title)
    assert [word for word in model.words() if f"`{word}`" not in text] == []


def test_every_step_and_its_settings_are_explained() -> None:
    rows = dict(re.findall(r"^\| (`.*?`) \| (.*)\|$", section("### `then`"), re.MULTILINE))
    settings = {name: row for names, row in rows.items() for name in re.findall(r"`(\w+)`", names)}
    for name, field in Step.model_fields.items():
        word = field.alias or name
        if word == "raw":
            continue
        models = [one for one in getattr(field.annotation, "__args__", ()) if isinstance(one, type)]
        own = [w for one in models if issubclass(one, Words) for w in one.words()]
        common = ("id", "is_error") if word not in ("call", "computer_use") else ()
        assert [setting for setting in own if setting not in common and f"`{setting}`" not in settings[word]] == []


def test_every_fault_and_option_is_explained() -> None:
    faults = section("## Faults")
    assert [kind for kind in FAULTS if not kind.isdigit() and f"`{kind}`" not in faults] == []
    assert [option for option in OPTIONS if f"`{option}=" not in faults] == []
    for spec in re.findall(r"--fault (\S+)", PAGE.replace("--fault KIND", "").replace("--fault SPEC", "")):
        assert parse_fault(spec.strip("`")).kind


def test_every_option_of_the_command_is_explained() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "tracer", "emulate", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    options = set(re.findall(r"^  (--[a-z-]+)", help_text, re.MULTILINE)) - {"--help"}
    assert sorted(option for option in options if f"`{option}" not in PAGE and f"{option} " not in PAGE) == []
