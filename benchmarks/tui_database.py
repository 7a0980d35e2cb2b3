"""A database of a million interactions, made with SQL, that is bad for filters in every way.

Most conversations are one interaction. The oldest forty have what no other has, so that who looks from the newest on
finds it last; what only the older half has is plentiful, but far away. All of it is searchable text, and the oldest and
newest three thousand, which keys come to, have records.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tracer.normalize import normalize
from tracer.store.writer import Writer
from tracer.testing import answer, exchange

OLDEST = 40
"""So many interactions have what no other has."""
AT_US = 1_700_000_000_000_000
"""When the first began; each begins a second after the one before."""

_INTERACTIONS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows),
it(i, old, half) AS (SELECT i, i <= :oldest, i <= :rows / 2 FROM n)
INSERT INTO interaction(seq, rev, key, project, root_key, parent_key, id, ghost, dialect, model, agent, status, state,
  background, stream, started_at_us, duration_us, first_output_us, input_tokens, output_tokens, thought_tokens,
  total_tokens, cost_nano, error_code, polls, retries, hops, tools, prompt, answer, origin, run)
SELECT i, i, printf('%032x', i * 7919), CASE i % 4 WHEN 0 THEN 'other' ELSE 'bench' END,
  printf('%032x', CASE WHEN i IN (5, 6) THEN 3 ELSE i END * 7919),
  CASE WHEN i IN (5, 6) THEN printf('%032x', 3 * 7919) END,
  'v1_' || i, 0, 'steps',
  CASE WHEN old THEN 'gemini-2.0-first' WHEN half THEN 'gemini-2.5-flash'
    WHEN i % 5 THEN 'gemini-3.5-flash' ELSE 'gemini-3.5-pro' END,
  CASE WHEN old THEN 'deep-research' END,
  CASE WHEN old THEN 'cancelled' WHEN i % 20 THEN 'completed' ELSE 'failed' END,
  CASE WHEN old THEN 'truncated' ELSE 'complete' END, old, i % 2, :at_us + i * 1000000,
  1000000 + i % 7 * 400000 + half * 10000000 + old * 80000000, 200000, 1000 + i % 900, 200, 100,
  1300 + half * 10000 + old * 600000, 900000 + i % 99 * 1000 + half * 90000000 + old * 7000000000,
  CASE WHEN old THEN 'gone' END, old, old, old * 2,
  CASE WHEN old THEN 'first_tool' WHEN i % 3 THEN '' ELSE 'lookup_order' END,
  'Question ' || i || ' about ' || CASE WHEN old THEN 'a xylophone' WHEN half THEN 'a parcel' ELSE 'an order' END
    || ' that has not arrived', 'It is on its way.', 'https://example.test',
  CASE WHEN old THEN :old_run WHEN half THEN :half_run ELSE :new_run END FROM it
"""
_CONVERSATIONS = """
INSERT INTO conversation(seq, rev, root_key, project, title, interactions, failed, running, total_tokens, cost_nano,
  started_at_us, last_at_us, models)
SELECT seq, rev, root_key, project, prompt, CASE seq WHEN 3 THEN 3 ELSE 1 END, status = 'failed', 0, total_tokens,
  cost_nano, started_at_us, started_at_us + duration_us, model FROM interaction WHERE parent_key IS NULL
"""
_EXCHANGES = """
INSERT INTO exchange(seq, project, key, kind, run, origin, method, path, status, outcome, started_at_us, ended_at_us,
  request_size, response_size, meta, chunks, operation, interaction_id, record)
SELECT seq, project, key, 'interaction', run, origin, 'POST', '/v1/interactions', 200, 'complete', started_at_us,
  started_at_us + duration_us, 100, 1000, '{}', x'', 'create', id, key FROM interaction
"""
_RUNS = (("a" * 32, "old", '{"era": "old"}'), ("b" * 32, "half", '{"era": "half"}'), ("c" * 32, "new", "{}"))


def make(path: Path, rows: int) -> None:
    """Write it; takes a minute or two for a million."""
    Writer(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        runs = {f"{name}_run": run for run, name, _ in _RUNS}
        connection.execute(_INTERACTIONS, {"rows": rows, "oldest": OLDEST, "at_us": AT_US, **runs})
        connection.execute(_CONVERSATIONS)
        connection.execute(_EXCHANGES)
        connection.execute(
            "INSERT INTO search(rowid, prompt, answer, tools) SELECT seq, prompt, answer, tools FROM interaction"
        )
        for place, (run, _, tags) in enumerate(_RUNS):
            connection.execute(
                "INSERT INTO run(run, project, started_at_us, ended_at_us, command, tags)"
                " VALUES (?, 'bench', ?, ?, '[]', ?)",
                (run, AT_US + place * rows * 500_000, AT_US + rows * 1_000_000, tags),
            )
        blank = normalize([exchange({"model": "m", "input": "Where is it?"}, answer("v1_x", text="It is on its way."))])
        near = {*range(1, 3_001), *range(rows - 3_000, rows + 1)}
        connection.executemany(
            "INSERT INTO record(seq, codec, data) VALUES (?, 'raw', ?)",
            [(seq, blank.to_json().encode()) for seq in near if 0 < seq <= rows],
        )
        connection.execute("UPDATE counter SET value = ? WHERE name = 'rev'", [rows])
        connection.commit()
