"""Words with which a term of the filter language can be completed: those the language knows, those the database has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

AMONG = 20_000
"""Values are those of so many interactions, the newest, so that it takes as long in a database of millions."""
MOST = 200
_COLUMNS = {
    "status": "status",
    "model": "model",
    "agent": "agent",
    "tool": "tools",
    "project": "project",
    "run": "run",
    "id": "id",
    "key": "key",
}
_TAGS = "SELECT tag.key || '=' || tag.value FROM run, json_each(run.tags) AS tag"

type Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def values(query: Query, name: str, project: str | None) -> list[str]:
    """The values that `name:` can have here, the most frequent first; none for a name whose values are numbers."""
    inside, parameters = ("WHERE project = ?", [project]) if project is not None else ("", [])
    if name == "tag":
        return _ranked(tag for (tag,) in query(f"{_TAGS} {inside}", parameters))
    column = _COLUMNS.get(name)
    if column is None:
        return []
    newest = f"SELECT {column} AS value FROM interaction {inside} ORDER BY started_at_us DESC, seq DESC LIMIT {AMONG}"
    found: Counter[str] = Counter()
    for value, times in query(f"SELECT value, count(*) FROM ({newest}) GROUP BY value", parameters):
        for word in str(value or "").split(" ") if name == "tool" else [str(value or "")]:
            found[word] += times
    del found[""]
    return [value for value, _ in found.most_common(MOST)]


def _ranked(found: Any) -> list[str]:
    return [value for value, _ in Counter(found).most_common(MOST)]
