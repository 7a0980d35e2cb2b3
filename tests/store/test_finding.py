"""The first page of a list: what stands there is right, and it costs what it shows, not what there is."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tracer.store import finding, kinds
from tracer.store.filters import parse
from tracer.store.reader import Reader
from tracer.store.rows import Found
from tracer.store.writer import Writer
from tracer.testing import START_US, answer, exchange, function_call

SECOND = 1_000_000
NOW = START_US + 400 * SECOND
FILTERS = (
    "status:failed", "status:completed", "status:nope", "not:status:completed", "not:not:status:completed",
    "status:completed,failed", "model:flash", "model:pro", "model:nobody", "not:model:pro", "agent:deep",
    "not:agent:deep",
    "tool:look_up", "tool:rare", "tool:none", "not:tool:rare", "tool:rare tool:look_up",
    "is:failed", "is:background", "is:running", "is:fork", "is:ghost", "is:root", "is:truncated", "not:is:root",
    "has:error", "has:thought", "has:tool", "has:parent", "has:cost", "not:has:cost", "has:answer",
    "latency:2s..", "latency:..1s", "latency:1s..2s", "latency:9s..", "latency:3s", "not:latency:2s..",
    "cost:0..", "cost:..0", "tokens:41", "tokens:..10", "tokens:2000..", "since:100s", "since:1d", "run:@last",
    "run:aaa",
    "run:b", "run:zz", "tag:branch=dev", "tag:branch", "tag:nope", "id:v1_1", "id:nope", "key:0", "project:test",
    "project:other", "project:nope", "apple", "pear", "app", "xylophone", "zzz", "not:apple", "not:xylophone",
    "apple pear", "not:apple not:pear", "apple not:pear", '"pear and"', "apple model:pro", "xylophone status:completed",
    "not:apple status:failed", "not:apple latency:2s..", "pear tool:rare", "is:fork model:pro",
    "status:completed is:fork",
)  # fmt: skip
SORTS = ("", "sort:cost", "sort:tokens", "sort:latency", "sort:oldest")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Two hundred turns of fifty interleaved conversations in two projects, odd ones among the oldest."""
    path = tmp_path_factory.mktemp("finding") / "tracer.db"
    random_ = random.Random(7)
    calls = []
    for number in range(200):
        before = number - random_.choice((1, 5, 17, 40))
        link = {"previous_interaction_id": f"v1_{before}"} if before >= 0 and number % 4 else {}
        if number % 41 == 40:
            link = {"previous_interaction_id": f"v1_lost{number}"}
        text = (
            " ".join(word for word, each in (("apple", 2), ("pear and", 3), ("fig", 5)) if number % each == 0) or "plum"
        )
        steps = [function_call(f"c{number}", "look_up")] * (number % 6 == 0)
        if number == 4:
            text, steps = "a xylophone", [function_call("c", "rare"), function_call("d", "look_up")]
        model = "gemini-3.5-pro" if number > 120 else "gemini-3.5-flash"
        asked = {"model": model, "input": text, **link}
        if number == 9:
            asked = {"agent": "deep-research", "input": text, "background": True}
        usage = {"total_input_tokens": number, "total_output_tokens": 1, "total_tokens": number + 1}
        told = answer(
            f"v1_{number}", text="x" if not steps else None, steps=steps or None, usage=usage if number % 7 else None,
            status="failed" if number % 11 == 0 else "in_progress" if number == 150 else "completed",
        )  # fmt: skip
        calls.append(
            exchange(
                asked, told if number % 31 else {"error": {"code": 400, "message": "bad"}},
                status=200 if number % 31 else 400, at_us=START_US + (number - number % 3) * SECOND,
                took_us=(10 if number == 6 else number % 4) * SECOND,
                project="other" if number % 40 in (3, 7, 11) else "test", run=("a" if number < 150 else "b") * 32,
            )
        )  # fmt: skip
    with Writer(path) as writer:
        writer.begin_run("a" * 32, "test", START_US, [], {"branch": "dev"})
        writer.begin_run("b" * 32, "test", START_US + 1, [], {})
        for start in range(0, 200, 7):
            writer.apply(calls[start : start + 7])
    with Reader(path) as reader:
        yield reader


@pytest.mark.parametrize("project", ["test", None])
@pytest.mark.parametrize("few", [2, 30, 2_000])
@pytest.mark.parametrize("sort", SORTS)
def test_the_first_page_is_the_beginning_of_the_whole(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, sort: str, few: int, project: str | None
) -> None:
    sizes = {"FEW": few, "_FIRST_STEP": 3, "_STEP": 2 * few, "_SOME": 5, "_SPARSE": 2, "_ENOUGH": 5 * few}
    for name, value in sizes.items():
        monkeypatch.setattr(finding, name, value)
    for text in FILTERS:
        where = parse(f"{text} {sort}", now_us=NOW)
        whole = list(reader.conversation_seqs(where, project))
        told = list(reader.first_conversations(where, project, 6))
        _is_right(told, whole, 6, text)
        assert told[-1].done or (sort and len(whole) > 6), text


def _is_right(told: list[Found], whole: list[int], limit: int, text: str) -> None:
    assert [found.looked for found in told] == sorted(found.looked for found in told), text
    for found in told:
        assert set(found.seqs) <= set(whole), text
        if found.done:
            assert list(found.seqs)[:limit] == whole[:limit], text
        if found.whole:
            assert list(found.seqs) == whole, text


@pytest.mark.parametrize("project", ["test", "nobody's", None])
@pytest.mark.parametrize("text", [*SORTS, "apple", "model:pro"])
def test_the_first_page_without_limits_is_the_whole(reader: Reader, text: str, project: str | None) -> None:
    where = parse(text) if text else None
    *_, found = reader.first_conversations(where, project, 1_000)
    assert found.whole
    assert found.seqs == reader.conversation_seqs(where, project)


def test_with_more_kinds_than_can_be_followed_rows_are_looked_through(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most in ("MOST", "_SHARED"):
        monkeypatch.setattr(kinds, most, 1)
        for text in FILTERS:
            where = parse(text, now_us=NOW)
            told = list(reader.first_conversations(where, "test", 6))
            _is_right(told, list(reader.conversation_seqs(where, "test")), 6, text)


ROWS = 30_000
_MANY = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO interaction(seq, rev, key, project, root_key, id, ghost, dialect, model, agent, status, state, background,
  stream, started_at_us, duration_us, thought_tokens, total_tokens, cost_nano, error_code, polls, retries, hops, tools,
  prompt, answer, origin, run)
SELECT i, i, printf('%032x', i * 7919), CASE i % 3 WHEN 0 THEN 'other' ELSE 'bench' END, printf('%032x', i * 7919),
  'v1_' || i, 0, 'steps', CASE WHEN i < 9 THEN 'first' WHEN i % 5 THEN 'flash' ELSE 'pro' END,
  CASE WHEN i < 9 THEN 'deep' END, CASE WHEN i < 9 THEN 'cancelled' WHEN i % 20 THEN 'completed' ELSE 'failed' END,
  'complete', i < 9, i % 2, {START_US} + i, 1 + 1000 * (i % 7) + 9000000 * (i < 9), 10 * (i < 9),
  100 + i % 99 + 9000 * (i < 9), 100 * (i % 99) + 9000000000 * (i < 9), CASE WHEN i < 9 THEN 'x' END, i < 9, i < 9, 0,
  CASE WHEN i < 9 THEN 'first_tool' WHEN i % 3 THEN '' ELSE 'look_up' END, 'p', 'a', 'o', printf('%032x', i < 9)
FROM n"""
_SUMS = """INSERT INTO conversation SELECT seq, rev, root_key, project, prompt, 1, 0, 0, total_tokens, cost_nano,
  started_at_us, started_at_us + duration_us, model FROM interaction"""
_CALLS = """INSERT INTO exchange(seq, project, key, kind, run, origin, method, path, outcome, started_at_us,
  request_size, response_size, meta, chunks, record)
SELECT seq, project, key, 'interaction', run, origin, 'POST', '/', 'complete', started_at_us, 0, 0, '', '', key
FROM interaction"""
_TEXTS = """INSERT INTO search(rowid, prompt, answer, tools)
SELECT seq, CASE WHEN seq < 9 THEN 'xylophone' ELSE 'order' END, 'on its way', tools FROM interaction"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Conversations of one turn each; the oldest eight have what no other has."""
    path = tmp_path_factory.mktemp("many") / "tracer.db"
    Writer(path).close()
    with sqlite3.connect(path) as raw:
        for statement in (_MANY, _SUMS, _CALLS, _TEXTS):
            raw.execute(statement)
        raw.executemany(
            "INSERT INTO run VALUES (?, 'bench', ?, NULL, '[]', ?, NULL)",
            [(f"{1:032x}", 1, '{"era": "old"}'), (f"{0:032x}", 2, "{}")],
        )
    raw.close()
    with Reader(path) as reader:
        yield reader


@pytest.mark.parametrize("project", ["bench", None])
@pytest.mark.parametrize(
    "text",
    [
        *("sort:cost", "sort:tokens", "sort:latency", "sort:oldest"),
        *("status:completed", "status:failed", "status:cancelled", "status:nope", "not:status:completed,failed"),
        *("model:flash", "model:first", "model:nope", "agent:deep", "agent:nope", "not:has:cost", "is:failed"),
        *("is:background", "is:running", "is:interrupted", "has:error", "has:thought", "has:retry", "has:parent"),
        *("tool:look_up", "tool:first_tool", "tool:nope", "latency:9s..", "latency:1h..", "latency:..5s", "cost:9.."),
        *("cost:100..", "tokens:9000..", "tokens:1m..", "since:1s", "run:@last", "run:zz", "tag:era=old", "tag:era"),
        *("id:v1_1", "id:nope", "key:0", "key:f", "xylophone", "zzz", "xylophone model:first", "xylophone is:failed"),
        *("tool:first_tool is:failed", "status:failed sort:cost", "status:cancelled sort:tokens"),
        *("xylophone sort:oldest", "model:first model:pro"),
    ],
)  # fmt: skip
def test_it_costs_what_it_shows(many: Reader, text: str, project: str | None) -> None:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 100
        return 0

    where = parse(text, now_us=START_US + ROWS)
    many._connection.set_progress_handler(step, 100)
    *_, found = many.first_conversations(where, project, 256)
    many._connection.set_progress_handler(None, 0)
    assert found.done
    assert steps < 5 * ROWS  # looking at every row takes more than ten steps for each


@pytest.mark.parametrize("text", ["latency:..0.5us", "is:fork", "tokens:5", "not:way", "latency:..0.5us sort:cost"])
def test_what_no_index_knows_is_looked_through_in_small_steps(many: Reader, text: str) -> None:
    words = list(many.first_conversations(parse(text), "bench", 256))
    assert len(words) > 2
    assert words[0].looked <= 5_000
    assert all(after.looked - before.looked <= 20_000 for before, after in pairwise(words))
    assert words[-1].whole


def test_who_waits_for_the_whole_can_stop(many: Reader) -> None:
    from tracer.errors import StoreError

    with pytest.raises(StoreError, match="interrupted"):
        many.conversation_seqs(parse("is:fork"), None, lambda: True)
    assert len(many.conversation_seqs(parse("is:background"))) == 8
