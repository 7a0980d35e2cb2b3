"""`tracer prune`: old conversations or their words go, the file shrinks, the rest is as it was."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tracer.errors import UsageError
from tracer.settings import load, size_in_bytes
from tracer.store.pruning import used_bytes
from tracer.store.reader import Reader
from tracer.store.writer import Writer
from tracer.testing import answer, exchange
from tracer.wire.keys import content_key

NOISE = "".join(f"{number:x}" for number in range(40_000))
DAY_US = 86_400_000_000


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Twenty old conversations of two turns with large bodies, and one of today that shares a body with the first."""
    path = tmp_path / "t.db"
    now_us = time.time_ns() // 1000
    with Writer(path) as writer:
        for number in range(20):
            writer.apply(turns(number, now_us - 90 * DAY_US + 10 * number, f"{number} secret words {NOISE[number:]}"))
        writer.apply(turns(0, now_us, f"0 secret words {NOISE}"))
    return path


def turns(number: int, at_us: int, text: str) -> list[Any]:
    first, second = f"v1_{number}_{at_us}a", f"v1_{number}_{at_us}b"
    made = [
        exchange({"model": "m", "input": text}, answer(first, text="Yes.", labels={"said": text})),
        exchange({"model": "m", "input": "And?", "previous_interaction_id": first}, answer(second, text="No.")),
    ]
    return [
        dataclasses.replace(
            each, key=content_key(at_us, f"{number} {place}".encode()), started_at_us=at_us + place, project="p"
        )
        for place, each in enumerate(made)
    ]


def tracer(db: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRACER_HOME": str(db.parent), "TRACER_PROJECT": "p"}
    command = [sys.executable, "-m", "tracer", *arguments, "--db", str(db)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def rows(db: Path) -> list[Any]:
    with Reader(db) as reader:
        return list(reader.interactions(None, "p"))


def test_old_conversations_go_and_the_space_comes_back(db: Path) -> None:
    before = db.stat().st_size
    done = tracer(db, "prune", "--older-than", "30d", "--json")
    told = json.loads(done.stdout)
    assert (told["conversations"], told["exchanges"]) == (20, 40)
    assert told["size_after"] == db.stat().st_size < before / 3
    left = rows(db)
    assert len(left) == 2
    with Reader(db) as reader:
        assert NOISE.encode() in reader.exchanges(left[-1].key)[0].request_body


def test_only_the_words_go(db: Path) -> None:
    before = rows(db)
    done = tracer(db, "prune", "--older-than", "30d", "--bodies-only", "--json")
    assert json.loads(done.stdout)["exchanges"] == 40
    after = rows(db)
    assert [row.key for row in after] == [row.key for row in before]
    assert [row.total_tokens for row in after] == [row.total_tokens for row in before]
    with Reader(db) as reader:
        record = reader.record(after[-1].key)
        assert (record["input"], record["output_text"], record["model"]) == ([], None, "m")
        assert "secret words" not in str(record)
        assert record["notes"] == ["bodies were pruned"]
        assert reader.exchanges(after[-1].key)[0].request_body == b""
        assert reader.exchanges(after[-1].key)[0].request_size > 0
    again = json.loads(tracer(db, "prune", "--older-than", "30d", "--bodies-only", "--json").stdout)
    assert again["exchanges"] == 0
    assert b"19 secret words" not in db.read_bytes()
    assert "20 records" in tracer(db, "reindex").stderr or "stay as they are" in tracer(db, "reindex").stderr


def test_the_oldest_go_until_the_rest_is_small_enough(db: Path) -> None:
    done = tracer(db, "prune", "--max-size", "1K", "--json")
    assert json.loads(done.stdout)["conversations"] == 21
    assert rows(db) == []
    untouched = json.loads(tracer(db, "prune", "--max-size", "1G", "--json").stdout)
    assert untouched["exchanges"] == 0


@pytest.mark.parametrize("arguments", [(), ("--older-than", "soon"), ("--max-size", "big")])
def test_it_must_be_said_what_may_go(db: Path, arguments: tuple[str, ...]) -> None:
    done = tracer(db, "prune", *arguments)
    assert done.returncode == 2
    assert len(rows(db)) == 42


def test_no_database_is_no_reason_to_make_one(tmp_path: Path) -> None:
    assert tracer(tmp_path / "none.db", "prune", "--max-size", "1G").returncode == 1
    assert not (tmp_path / "none.db").exists()


def test_a_database_that_is_too_large_makes_room_when_calls_are_recorded(db: Path) -> None:
    limit = used_bytes(db) // 2
    (db.parent / "pyproject.toml").write_text(f'[tool.tracer]\nmax_size = "{limit}"\n')
    command = [sys.executable, "-m", "tracer", "run", "--db", str(db), "--", "true"]
    environment = {**os.environ, "TRACER_HOME": str(db.parent), "TRACER_PROJECT": "p"}
    before = rows(db)
    done = subprocess.run(command, env=environment, cwd=db.parent, capture_output=True, text=True, check=True)
    assert "words of its oldest conversations make room" in done.stderr
    assert "the database reached max_size" in done.stderr
    assert used_bytes(db) <= limit
    assert [row.key for row in rows(db)] == [row.key for row in before]
    with Reader(db) as reader:
        assert reader.exchanges(before[-1].key)[0].request_body == b""
        assert NOISE.encode() in reader.exchanges(before[1].key)[0].request_body
    again = subprocess.run(command, env=environment, cwd=db.parent, capture_output=True, text=True, check=True)
    assert "make room" not in again.stderr
    assert "max_size" not in again.stderr


@pytest.mark.parametrize(("said", "size"), [("10G", 10 << 30), ("1.5 MB", 3 << 19), ("700", 700), ("big", None)])
def test_sizes_are_read_as_people_write_them(said: str, size: int | None) -> None:
    assert size_in_bytes(said) == size


def test_a_limit_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tracer]\nmax_size = "big"\n')
    with pytest.raises(UsageError, match="max_size is 'big'"):
        load(folder=tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.tracer]\nmax_size = "none"\n')
    assert load(folder=tmp_path).max_size is None
