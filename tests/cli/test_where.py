from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracer.cli.main import run


def where(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, object]]:
    assert run(["where", "--json", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    places: dict[str, dict[str, object]] = json.loads(out)
    return places


def test_defaults_lie_in_the_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("TRACER_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    places = where(capsys)
    assert places["db"] == {"value": str(home / "tracer.db"), "from": "default, below TRACER_HOME", "exists": False}
    assert places["journal"]["value"] == str(home / "tracer.db.journal")
    assert (places["ca"]["value"], places["data"]["exists"]) == (str(home / "ca"), False)
    assert places["config"] == {
        "value": None,
        "from": "the nearest pyproject.toml with [tool.tracer]",
        "exists": None,
    }
    assert (places["project"]["value"], places["project"]["from"]) == (
        tmp_path.name,
        "the git remote, else the folder's name",
    )


def test_each_place_says_where_it_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pyproject.toml"
    config.write_text('[tool.tracer]\nproject = "named"\ndb = "here.db"\n')
    (tmp_path / "here.db").write_text("")
    monkeypatch.chdir(tmp_path)
    places = where(capsys)
    assert places["db"] == {"value": str(tmp_path / "here.db"), "from": f"[tool.tracer] in {config}", "exists": True}
    assert (places["project"]["value"], places["project"]["from"]) == ("named", f"[tool.tracer] in {config}")
    monkeypatch.setenv("TRACER_DB", "other.db")
    monkeypatch.setenv("TRACER_PROJECT", "mine")
    places = where(capsys)
    assert (places["db"]["value"], places["db"]["from"]) == (str(tmp_path / "other.db"), "TRACER_DB")
    assert (places["project"]["value"], places["project"]["from"]) == ("mine", "TRACER_PROJECT")
    assert where(capsys, "--db", "third.db")["db"]["from"] == "--db"


def test_on_paper_every_place_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["where"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["db", "journal", "data", "account_key", "ca", "config", "project"]
    assert ", not there yet)" in lines[0]


def test_a_config_that_can_not_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.tracer\n")
    monkeypatch.chdir(tmp_path)
    assert run(["where"]) == 2
    assert "can't be read as TOML" in capsys.readouterr().err
