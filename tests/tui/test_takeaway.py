from __future__ import annotations

import json

import pytest

from tui.document import Document, add_json
from tui.takeaway import MAX_OSC52, clipboard, new_file


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr("tui.app.TracerApp.copy_to_clipboard", lambda self, text: texts.append(text))
    return texts


@pytest.mark.parametrize(
    ("key", "starts"),
    [
        ("i", "v1_told"),
        ("p", "[\n"),
        ("a", "It is **shipped**."),
        ("j", '{\n  "schema": 1'),
        ("m", "# Interaction `v1_told`"),
        ("c", "curl "),
        ("g", "from google import genai"),
    ],
)
async def test_y_copies_what_the_menu_says(opened, sent, tmp_path, key, starts):
    async with opened() as driver:
        driver.app.folder = tmp_path / "state"
        await driver.press("j", "j", "y", key)
        assert sent[0].startswith(starts)
        assert (tmp_path / "state" / "copied.txt").read_text() == sent[0]
        assert "no terminal says whether it took it" in driver.text("#hints")


async def test_what_is_not_there_is_said(opened, sent):
    async with opened() as driver:
        await driver.press("4", "G", "y", "a")
        assert sent == []
        assert "no answer was recorded" in driver.text("#hints")
        await driver.press("y", "escape")
        assert driver.app.screen is driver.screen


async def test_raw_copies_the_jq_path_and_the_value(opened, sent):
    async with opened() as driver:
        await driver.press("j", "r", "slash", *"ozean", "enter")
        await driver.press("y", "q")
        assert sent == [".steps[0].content[0].text"]
        await driver.press("h", "y", "x")
        assert json.loads(sent[1]) == {"type": "text", "text": "Ozeanarium."}


async def test_e_writes_a_file_that_was_not_there(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with opened() as driver:
        await driver.press("j", "e", "m")
        await driver.press("e", "m")
        names = sorted(path.name for path in tmp_path.glob("*.md"))
        assert len(names) == 2
        assert names[0].endswith("-2.md")
        assert "written to" in driver.text("#hints")


async def test_pager_and_editor_say_where_the_file_is_if_the_terminal_cannot_be_lent(opened, tmp_path):
    async with opened() as driver:
        driver.app.folder = tmp_path
        await driver.press("j", "v")
        assert "In German" in (tmp_path / "shown.md").read_text()
        assert str(tmp_path)[:20] in driver.text("#hints")
        await driver.press("E")
        assert json.loads((tmp_path / "shown.json").read_text())["id"] == "v1_d"


async def test_commands_are_found_by_what_they_do(opened):
    async with opened() as driver:
        await driver.press("j", "colon", *"waterf", "enter")
        assert driver.app.screen.NAME == "waterfall"
        await driver.press("ctrl+p", *"raw", "enter")
        assert driver.app.screen.NAME == "raw"
        await driver.press("ctrl+p", *"nothing like it", "enter", "escape", "escape")
        assert driver.app.screen is driver.screen


def test_the_clipboard_tells_the_truth(tmp_path):
    sent: list[str] = []
    said = clipboard("x" * (MAX_OSC52 + 1), tmp_path, sent.append)
    assert sent == []
    assert said == f"is in {tmp_path / 'copied.txt'}"
    assert (tmp_path / "copied.txt").stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    assert "could not be written" in clipboard("x", tmp_path / "file", sent.append)


def test_a_new_file_never_replaces_one(tmp_path):
    paths = [new_file(tmp_path, "a", "md", text) for text in "12"]
    assert [path.read_text() for path in paths] == ["1", "2"]
    assert {path.name for path in paths} == {"a.md", "a-2.md"}


def test_the_value_at_a_node_is_json_again():
    value = {"a": [1, {"b": "{"}, []], "c": {"d": "["}, "e": "x"}
    nodes = []
    add_json(nodes, value)
    document = Document(nodes)
    assert json.loads(document.text(0)) == value
    assert json.loads(document.text(len(nodes) - 1)) == value
    assert json.loads(document.text(1)) == value["a"]
