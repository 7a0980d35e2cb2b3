"""The filter language of the command line and the screen, as a condition on the `interaction` table.

`status:failed model:flash latency:5s.. not:tool:search since:2h run:@last "free text"`: terms are joined by AND. Names
come from a fixed list and values become SQL parameters. `sort:cost` is no condition, it orders what is found.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from tracer.errors import UsageError
from tracer.store.rows import FAILED, RUNNING

SORTS = {
    "cost": ("cost_nano DESC", "cost_nano DESC"),
    "tokens": ("total_tokens DESC", "total_tokens DESC"),
    "latency": ("last_at_us - started_at_us DESC", "duration_us DESC"),
    "oldest": ("started_at_us", "started_at_us"),
}
"""What lists can be ordered by, the greatest first -> the order of conversations, and that of interactions."""

type Condition = tuple[str, list[Any]]


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
        clauses = [f"({clause})" for clause, _ in self.conditions]
        return " AND ".join(clauses) or "1", [value for _, values in self.conditions for value in values]

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
        clause, values = condition
        conditions.append((f"NOT coalesce({clause}, 0)", values) if negations % 2 else condition)
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
    return "seq IN (SELECT rowid FROM search WHERE search MATCH ?)", [f'"{phrase}"*']


def _like(value: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", value)
    return f"%{escaped}%"


def _contains(*columns: str) -> Callable[[_Term, int], Condition]:
    clause = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
    return lambda term, _: (clause, [_like(term.value)] * len(columns))


def _is_one_of(column: str) -> Callable[[_Term, int], Condition]:
    return lambda term, _: (
        f"{column} IN ({', '.join('?' * len(term.value.split(',')))})",
        list(term.value.split(",")),
    )


def _starts(column: str) -> Callable[[_Term, int], Condition]:
    def condition(term: _Term, _: int) -> Condition:
        return f"{column} >= ? AND {column} < ?", [term.value, term.value + "\U0010ffff"]

    return condition


def _tool(term: _Term, _: int) -> Condition:
    return "' ' || tools || ' ' LIKE ? ESCAPE '\\'", [f"% {_like(term.value)[1:-1]} %"]


def _tag(term: _Term, _: int) -> Condition:
    name, equals, value = term.value.partition("=")
    tags = "SELECT 1 FROM run, json_each(run.tags) AS tag WHERE run.run = interaction.run AND tag.key = ?"
    return (f"EXISTS({tags} AND tag.value = ?)", [name, value]) if equals else (f"EXISTS({tags})", [name])


def _run(term: _Term, _: int) -> Condition:
    if term.value == "@last":
        newest = "SELECT project, run, max(started_at_us) FROM run GROUP BY project"
        return f"(project, run) IN (SELECT project, run FROM ({newest}))", []
    return _starts("run")(term, 0)


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


def _within(column: str, kind: str) -> Callable[[_Term, int], Condition]:
    def condition(term: _Term, _: int) -> Condition:
        if compared := _COMPARED.fullmatch(term.value):
            return f"{column} {compared['sign']} ?", [_amount(term, compared["value"], kind)]
        if spread := _RANGE.fullmatch(term.value):
            bounds = [(sign, spread[name]) for sign, name in ((">=", "low"), ("<=", "high")) if spread[name]]
            if not bounds:
                term.fail("a range needs a lower or an upper end, such as 1..5, 5.. or ..5")
            clause = " AND ".join(f"{column} {sign} ?" for sign, _ in bounds)
            return clause, [_amount(term, bound, kind) for _, bound in bounds]
        return f"{column} = ?", [_amount(term, term.value, kind)]

    return condition


def _since(term: _Term, now_us: int) -> Condition:
    return "started_at_us >= ?", [now_us - _amount(term, term.value, "duration")]


def _one_of(choices: dict[str, str]) -> Callable[[_Term, int], Condition]:
    def condition(term: _Term, _: int) -> Condition:
        clause = choices.get(term.value)
        if clause is None:
            term.fail(f"{term.name}: knows {', '.join(choices)}, not {term.value!r}")
        return clause, []

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
    "latency": _within("duration_us", "duration"),
    "cost": _within("cost_nano", "money"),
    "tokens": _within("total_tokens", "count"),
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
