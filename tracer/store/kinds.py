"""The few values of a column that many rows share, and the newest rows that have some of them.

`interaction.kind` says what an interaction is in the words of `status:`, `model:`, `agent:`, `has:` and `is:`: a
million of them are of dozens of kinds. Which of them a filter holds for is asked of the kinds, not of the rows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from typing import Any

from tracer.store.filters import Condition

MOST = 1_000
"""Values, of all projects together; where there are more, an index by them is of little use."""
_SHARED = 200
"""Values that are followed at once."""
_NAMED = ("project", "status", "model", "agent", "state")
_TRAITS = (
    # In the order of schema.m004; what stands for a value that is there, and for one that is not.
    ("thought_tokens", "1", "NULL"),
    ("tools", "'?'", "''"),
    ("error_code", "'?'", "NULL"),
    ("answer", "'?'", "''"),
    ("total_tokens", "1", "NULL"),
    ("cost_nano", "1", "NULL"),
    ("retries", "1", "0"),
    ("polls", "1", "0"),
    ("hops", "2", "0"),
    ("parent_key", "'?'", "NULL"),
    ("background", "1", "0"),
    ("stream", "1", "0"),
    ("ghost", "1", "0"),
)
_TOLD = ", ".join(
    [
        *(f"json_extract(kind, '$[{place}]') AS {name}" for place, name in enumerate(_NAMED)),
        *(
            f"iif(json_extract(kind, '$[5]') & {1 << place}, {there}, {missing}) AS {name}"
            for place, (name, there, missing) in enumerate(_TRAITS)
        ),
    ]
)
"""Columns of `interaction` as far as a kind tells them."""
_TOOLS = "json_extract(kind, '$[0]') AS project, json_extract(kind, '$[1]') AS tools"


def projects(connection: sqlite3.Connection) -> list[str] | None:
    """Every project with a conversation; None if they are many."""
    found: list[str] = []
    while row := connection.execute(
        "SELECT project FROM conversation WHERE project > ? ORDER BY project LIMIT 1", [found[-1] if found else ""]
    ).fetchone():
        found.append(row[0])
        if len(found) > _SHARED:
            return None
    # The name of a project is never empty, what is without one is.
    nameless = connection.execute("SELECT 1 FROM conversation WHERE project = '' LIMIT 1").fetchone()
    return ["", *found] if nameless else found


def of_rows(connection: sqlite3.Connection, project: str | None) -> list[str] | None:
    """Every kind that interactions are of, perhaps those of one project; None if they are many."""
    first, last = "", "\U0010ffff"
    if project is not None:
        # A kind is a JSON list that begins with the project.
        (named,) = connection.execute("SELECT json_array(?)", [project]).fetchone()
        first, last = f"{named[:-1]},", f"{named[:-1]}-"
    found: list[str] = []
    query = "SELECT kind FROM interaction WHERE kind > ? AND kind < ? ORDER BY kind LIMIT 1"
    while row := connection.execute(query, [found[-1] if found else first, last]).fetchone():
        found.append(row[0])
        if len(found) > MOST:
            return None
    return found


def of_tools(connection: sqlite3.Connection, projects: Sequence[str]) -> list[str] | None:
    """The same of `tools`: JSON lists of a project and what stands in that column."""
    found: list[str] = []
    query = "SELECT tools FROM interaction WHERE project = ? AND tools > ? AND tools <> '' ORDER BY tools LIMIT 1"
    for project in projects:
        last = ""
        while row := connection.execute(query, [project, last]).fetchone():
            last = row[0]
            found.append(json.dumps([project, last]))
            if len(found) > MOST:
                return None
    return found


def holding(
    connection: sqlite3.Connection, by: str, values: Sequence[str], conditions: Sequence[Condition]
) -> list[str]:
    """Those of the kinds, or of the values `by` tools, for which all the conditions hold."""
    told = _TOLD if by == "kind" else _TOOLS
    clause = " AND ".join(f"({condition.clause})" for condition in conditions)
    asked = f"SELECT shared FROM (SELECT kind AS shared, {told} FROM (SELECT value AS kind FROM json_each(?)))"
    parameters: list[Any] = [json.dumps(values)]
    for condition in conditions:
        parameters += condition.values
    return [value for (value,) in connection.execute(f"{asked} WHERE {clause}", parameters)]


def newest(connection: sqlite3.Connection, by: str, values: Sequence[str]) -> Iterator[int] | None:
    """The `seq` of every interaction that has one of the values, newest first; None if the values are many."""
    if len(values) > _SHARED:
        return None
    clause = "kind = ?" if by == "kind" else "project = ? AND tools = ? AND tools <> ''"
    query = f"SELECT seq FROM interaction WHERE {clause} ORDER BY seq DESC"
    rows = [connection.execute(query, [value] if by == "kind" else json.loads(value)) for value in values]
    return (seq for (seq,) in merge(*rows, reverse=True))
