"""The filter language of the command line and the screen, as a condition on the `interaction` table.

`status:failed model:flash latency:5s.. not:tool:search since:2h run:@last "free text"`: terms are joined by AND. Names
come from a fixed list and values become SQL parameters. `sort:cost` is no condition, it orders what is found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from tracer.errors import UsageError
from tracer.store.rows import FAILED, RUNNING

SORTS = {
    "cost": ("cost_nano DESC", "cost_nano DESC"),
    "tokens": ("total_tokens DESC", "total_tokens DESC"),
    "latency": ("last_at_us - started_at_us DESC", "duration_us DESC"),
    "oldest": ("started_at_us", "started_at_us"),
}
"""What lists can be ordered by, the greatest first -> the order of conversations, and that of interactions."""

type Sql = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Condition:
    """One term as SQL, and how what it may hold for is found without reading every row."""

    clause: str
    values: list[Any]
    by: Literal["kind", "tools", "words", "no words", "seqs", "sums"] | None = None
    """`kind`: the columns that `kinds` knows decide it; `tools`: that column; `words`: the full-text index, asked with
    the only value, and `no words`: the opposite of it. `seqs` and `sums`: `among` says."""
    among: Sql | None = None
    """Of `seqs` a query for the `seq` of all that it may hold for; of `sums` a condition on conversations that one with
    such an interaction meets."""

    def turned(self) -> Condition:
        """The opposite."""
        clause = f"NOT coalesce({self.clause}, 0)"
        if self.by == "words":
            return Condition(clause, self.values, "no words")
        return Condition(clause, self.values, "kind" if self.by == "kind" else None)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; conditions name the columns of `interaction`, unqualified."""

    text: str
    conditions: tuple[Condition, ...] = ()
    any_project: bool = False
    """It names a project or a run itself, so the project one is in doesn't matter."""
    ghosts: bool = False
    """It asks for ghosts, which are left out otherwise."""
    sort: str | None = None
    """The word of `SORTS` that it names."""

    def where(self) -> tuple[str, list[Any]]:
        """A condition for a WHERE clause, never empty, and its parameters."""
        clauses = [f"({condition.clause})" for condition in self.conditions]
        return " AND ".join(clauses) or "1", [value for condition in self.conditions for value in condition.values]

    def __and__(self, other: Filter) -> Filter:
        return Filter(
            f"{self.text} {other.text}".strip(),
            self.conditions + other.conditions,
            self.any_project or other.any_project,
            self.ghosts or other.ghosts,
            other.sort or self.sort,
        )


@dataclass(frozen=True, slots=True)
class _Term:
    """One term of the text, and where its value begins, for the caret."""

    text: str
    name: str
    value: str
    at: int

    def fail(self, problem: str, *, value: bool = True) -> NoReturn:
        caret = " " * (self.at if value else self.at - len(self.name) - 1) + "^"
        raise UsageError(f"{problem}\n  {self.text}\n  {caret}")


_WORD = re.compile(r'(?:[^\s"]+|"(?:[^"\\]|\\.)*"?)+')
_NAMED = re.compile(r"(?P<not>(?:not:)*)(?:(?P<name>[A-Za-z_]+):(?P<value>.*))?", re.DOTALL)
_RANGE = re.compile(r"(?P<low>[^.<>=]\S*?)?\.\.(?P<high>\S+)?")
_COMPARED = re.compile(r"(?P<sign>[<>]=?)(?P<value>.+)")
_AMOUNT = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>[a-zµ$]*)", re.IGNORECASE)


def parse(text: str, *, now_us: int | None = None) -> Filter:
    """The filter that a text means. Raises UsageError with a caret under the mistake.

    `now_us` (Unix microseconds) is what `since:` counts back from; the present by default.
    """
    from tracer.identity import storable  # a screen that opens without a filter does without

    now = time.time_ns() // 1000 if now_us is None else now_us
    conditions: list[Condition] = []
    any_project = ghosts = False
    sort: str | None = None
    text = storable(text)
    for found in _WORD.finditer(text):
        word = found.group()
        head = _NAMED.match(word)
        assert head is not None
        negations = head["not"].count("not:")
        rest = word[len(head["not"]) :]
        at = found.start() + len(head["not"])
        if head["name"] is None or rest.startswith('"'):
            condition = _free_text(_Term(text, "", _unquote(rest), at))
        else:
            term = _Term(text, head["name"].lower(), _unquote(head["value"]), at + len(head["name"]) + 1)
            if term.name == "sort":
                sort = _sort(term, negations)
                continue
            condition = _condition(term, now)
            any_project |= not negations and (term.name == "project" or (term.name == "run" and term.value != "@last"))
            ghosts |= not negations and (term.name, term.value) == ("is", "ghost")
        conditions.append(condition.turned() if negations % 2 else condition)
    return Filter(text, tuple(conditions), any_project, ghosts, sort)


def _unquote(word: str) -> str:
    return re.sub(r'"((?:[^"\\]|\\.)*)"?', lambda found: re.sub(r"\\(.)", r"\1", found[1]), word)


def _sort(term: _Term, negations: int) -> str:
    if negations:
        term.fail("not: can't stand before sort:", value=False)
    if term.value not in SORTS:
        term.fail(f"sort: knows {', '.join(SORTS)}, not {term.value!r}")
    return term.value


def _condition(term: _Term, now_us: int) -> Condition:
    maker = _TERMS.get(term.name)
    if maker is None:
        term.fail(f"no filter is called {term.name!r}; there are {', '.join(_TERMS)}, sort and free text", value=False)
    if not term.value:
        term.fail(f"{term.name}: needs a value")
    return maker(term, now_us)


def _free_text(term: _Term) -> Condition:
    if not any(character.isalnum() for character in term.value):
        term.fail("a search needs a word to look for")
    phrase = term.value.replace('"', '""').replace("\0", " ")
    words = [f'"{phrase}"*']
    return Condition("seq IN (SELECT rowid FROM search WHERE search MATCH ?)", words, "words")


def _like(value: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", value)
    return f"%{escaped}%"


def _contains(*columns: str) -> Callable[[_Term, int], Condition]:
    clause = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
    return lambda term, _: Condition(clause, [_like(term.value)] * len(columns), "kind")


def _is_one_of(column: str) -> Callable[[_Term, int], Condition]:
    return lambda term, _: Condition(
        f"{column} IN ({', '.join('?' * len(term.value.split(',')))})", list(term.value.split(",")), "kind"
    )


def _starts(column: str) -> Callable[[_Term, int], Condition]:
    def condition(term: _Term, _: int) -> Condition:
        clause, ends = f"{column} >= ? AND {column} < ?", [term.value, term.value + "\U0010ffff"]
        return Condition(clause, ends, "seqs", (f"SELECT seq FROM interaction WHERE {clause}", ends))

    return condition


def _tool(term: _Term, _: int) -> Condition:
    return Condition("' ' || tools || ' ' LIKE ? ESCAPE '\\'", [f"% {_like(term.value)[1:-1]} %"], "tools")


def _of_runs(clause: str, values: list[Any], runs: str) -> Condition:
    # An interaction is of the run of its first exchange, and exchanges have an index by run.
    made = f"SELECT DISTINCT project, record FROM exchange WHERE record IS NOT NULL AND {runs}"
    among = f"SELECT seq FROM ({made}) AS made CROSS JOIN interaction USING (project) WHERE key = made.record"
    return Condition(clause, values, "seqs", (among, values))


def _tag(term: _Term, _: int) -> Condition:
    name, equals, value = term.value.partition("=")
    tagged = "SELECT run.run FROM run, json_each(run.tags) AS tag WHERE tag.key = ?" + " AND tag.value = ?" * bool(
        equals
    )
    clause = f"run IN ({tagged})"
    return _of_runs(clause, [name, value] if equals else [name], clause)


def _run(term: _Term, _: int) -> Condition:
    if term.value == "@last":
        newest = "SELECT project, run FROM (SELECT project, run, max(started_at_us) FROM run GROUP BY project)"
        return _of_runs(f"(project, run) IN ({newest})", [], f"run IN (SELECT run FROM ({newest}))")
    clause = "run >= ? AND run < ?"
    return _of_runs(clause, [term.value, term.value + "\U0010ffff"], clause)


_UNITS: dict[str, dict[str, float]] = {
    "duration": {"": 1e6, "us": 1, "µs": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6, "w": 604800e6},
    "money": {"": 1e9, "$": 1e9, "usd": 1e9},
    "count": {"": 1, "k": 1e3, "m": 1e6},
}


def _amount(term: _Term, text: str, kind: str) -> int:
    found = _AMOUNT.fullmatch(text.removeprefix("$") if kind == "money" else text)
    unit = _UNITS[kind].get(found["unit"].lower()) if found else None
    if found is None or unit is None:
        units = ", ".join(filter(None, _UNITS[kind]))
        term.fail(f"{text!r} is no {kind}: a number, perhaps with a unit ({units}), or a range such as 1..5, 5.. or >5")
    return round(float(found["number"]) * unit)


def _within(column: str, kind: str, total: str) -> Callable[[_Term, int], Condition]:
    """`total` is what conversations have, of which no interaction has more."""

    def condition(term: _Term, _: int) -> Condition:
        if compared := _COMPARED.fullmatch(term.value):
            bounds = [(compared["sign"], compared["value"])]
        elif spread := _RANGE.fullmatch(term.value):
            bounds = [(sign, spread[name]) for sign, name in ((">=", "low"), ("<=", "high")) if spread[name]]
            if not bounds:
                term.fail("a range needs a lower or an upper end, such as 1..5, 5.. or ..5")
        else:
            bounds = [("=", term.value)]
        amounts = [_amount(term, bound, kind) for _, bound in bounds]
        clause = " AND ".join(f"{column} {sign} ?" for sign, _ in bounds)
        if bounds[0][0].startswith("<"):
            return Condition(clause, amounts)
        return Condition(clause, amounts, "sums", (f"{total} >= ?", amounts[:1]))

    return condition


def _since(term: _Term, now_us: int) -> Condition:
    clause, values = "started_at_us >= ?", [now_us - _amount(term, term.value, "duration")]
    return Condition(clause, values, "seqs", (f"SELECT seq FROM interaction WHERE {clause}", values))


def _one_of(choices: dict[str, str]) -> Callable[[_Term, int], Condition]:
    def condition(term: _Term, _: int) -> Condition:
        clause = choices.get(term.value)
        if clause is None:
            term.fail(f"{term.name}: knows {', '.join(choices)}, not {term.value!r}")
        return Condition(clause, [], None if _CHILDREN in clause else "kind")

    return condition


_HAS = {
    "thought": "thought_tokens > 0",
    "tool": "tools <> ''",
    "error": "error_code IS NOT NULL",
    "answer": "answer <> ''",
    "usage": "total_tokens IS NOT NULL",
    "cost": "cost_nano IS NOT NULL",
    "retry": "retries > 0",
    "poll": "polls > 0",
    "hop": "hops > 1",
    "parent": "parent_key IS NOT NULL",
}
_CHILDREN = "FROM interaction AS child WHERE child.project = interaction.project AND child.parent_key = interaction.key"
_IS = {
    "background": "background = 1",
    "stream": "stream = 1",
    "failed": FAILED,
    "running": RUNNING,
    "interrupted": "state = 'interrupted'",
    "truncated": "state = 'truncated'",
    "fork": f"(SELECT count(*) {_CHILDREN}) > 1",
    "ghost": "ghost = 1",
    "root": "parent_key IS NULL",
}
_TERMS: dict[str, Callable[[_Term, int], Condition]] = {
    "status": _is_one_of("status"),
    "model": _contains("model"),
    "agent": _contains("agent"),
    "tool": _tool,
    "latency": _within("duration_us", "duration", "last_at_us - started_at_us"),
    "cost": _within("cost_nano", "money", "cost_nano"),
    "tokens": _within("total_tokens", "count", "total_tokens"),
    "tag": _tag,
    "has": _one_of(_HAS),
    "is": _one_of(_IS),
    "since": _since,
    "run": _run,
    "project": _is_one_of("project"),
    "id": _starts("id"),
    "key": _starts("key"),
}


_EXAMPLES: dict[str, tuple[str, ...]] = {
    "latency": ("5s..", "..500ms", "1s..10s"),
    "cost": ("0.01..", "..0.001", "0.1.."),
    "tokens": ("1000..", "10k..", "..100"),
    "since": ("1h", "24h", "7d"),
    "run": ("@last",),
}


def names() -> tuple[str, ...]:
    """Every name that can stand before a colon."""
    return (*_TERMS, "sort", "not")


def known_values(name: str) -> tuple[str, ...]:
    """The values that a name takes or, where they are numbers, examples of them; none if the data says."""
    return {"has": tuple(_HAS), "is": tuple(_IS), "sort": tuple(SORTS)}.get(name) or _EXAMPLES.get(name, ())
