"""Whatever order exchanges arrive in, and however often: the store holds what a simple model says of their set."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tracer import identity
from tracer.player.ids import interaction_id
from tracer.store.reader import Reader
from tracer.store.rows import InteractionRow
from tracer.store.writer import Normalize, Writer
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome

SECOND = 1_000_000
UNSEEN, STREAMING, DONE = range(3)
FIRST, LATER = interaction_id("one", "one"), interaction_id("one", "two")
"""An id that looks like a first turn's, and one that looks like a later turn's of that conversation."""


@dataclass(frozen=True)
class Call:
    """One call of an app, and how much of it has been recorded."""

    number: int
    operation: str
    project: str
    origin: str
    run: str
    start: int
    took: int
    status: int | None
    told: str | None
    previous: str | None
    prompt: str
    sent: str | None
    given: str | None
    stream: bool
    wait: int | None
    stage: int = DONE
    carried: tuple[tuple[str, str], ...] = ()
    """What was said before, as (who, text), when the app sends it along."""

    @property
    def key(self) -> str:
        return f"{self.number * 7919 % 1000:032x}"

    @property
    def scope(self) -> tuple[str, str]:
        return self.project, self.origin

    @property
    def order(self) -> tuple[int, bool, str]:
        return self.start, self.operation != "create", self.key

    @property
    def asked(self) -> dict[str, Any]:
        named = {"previous_interaction_id": self.previous, "continuation_token": self.sent}
        sent = {name: value for name, value in named.items() if value is not None}
        said: Any = (
            [said_step(*each) for each in (*self.carried, ("app", self.prompt))] if self.carried else self.prompt
        )
        return {"model": "m", "input": said, "stream": self.stream, **sent}

    @property
    def answered(self) -> bool:
        return self.status == 200 and (self.stage == DONE or (self.stage == STREAMING and self.stream))

    @property
    def interaction_id(self) -> str | None:
        if self.operation != "create":
            return self.told
        return (self.told or None) if self.answered else None

    @property
    def attempt(self) -> tuple[Any, ...]:
        return self.run, self.scope, self.prompt, self.previous, self.sent, self.stream, self.carried

    @property
    def retried_until(self) -> int | None:
        if self.operation != "create" or self.stage != DONE or self.status == 200:
            return None
        return self.start + self.took + max(10, (self.wait or 0) + 5 if self.status is not None else 0)

    def exchange(self) -> Exchange:
        path = "/v1/interactions" + (f"/{self.told}" if self.operation != "create" else "")
        path += "/cancel" if self.operation == "cancel" else ""
        given = {} if self.given is None else {"continuation_token": self.given}
        if self.status != 200:
            response: Any = {"error": {"code": self.status, "message": "no"}}
        elif self.operation == "create":
            whole = self.stage == DONE
            events = text_stream(self.told or "", ["a", "b"], ended=whole)
            events[-1] |= given if whole else {}
            response = events if self.stream else answer(self.told, text=self.prompt, **given)
        else:
            previous = {} if self.previous is None else {"previous_interaction_id": self.previous}
            response = {} if self.operation == "delete" else answer(self.told, text="later", **previous)
        seen = self.status is not None and (self.stage == DONE or (self.stage == STREAMING and self.stream))
        ended = self.stage == DONE
        outcome = Outcome.OPEN if not ended else Outcome.COMPLETE if seen else Outcome.FAILED
        headers = (("retry-after", str(self.wait)),) if self.wait is not None else ()
        made = exchange(
            self.asked if self.operation == "create" else None,
            response if seen else None,
            method={"create": "POST", "cancel": "POST", "delete": "DELETE"}.get(self.operation, "GET"),
            path=path,
            status=self.status if seen else None,
            at_us=START_US + self.start * SECOND,
            took_us=self.took * SECOND,
            outcome=outcome,
            key=self.key,
            project=self.project,
            origin=self.origin,
            run=self.run,
        )
        return replace(made, response_headers=made.response_headers + headers if seen else ())


def said_step(who: str, text: str) -> dict[str, Any]:
    kind = "user_input" if who == "app" else "model_output"
    return {"type": kind, "content": [{"type": "text", "text": text}]}


class Model:
    """What the store must hold: slow, and plain enough to be believed."""

    def __init__(self, calls: list[Call]) -> None:
        self.record: dict[str, str] = {}
        self.groups: dict[str, list[Call]] = {}
        self._calls = sorted(calls, key=lambda call: call.order)
        leader: dict[str, Any] = {}
        followed: set[str] = set()
        for call in self._calls:
            leader[call.key] = self._leader(call, leader, followed)
        together: dict[Any, list[Call]] = defaultdict(list)
        for call in self._calls:
            together[leader[call.key]].append(call)
        for group in together.values():
            key = min(group, key=lambda call: (call.start, call.key)).key
            self.groups[key] = group
            self.record |= {call.key: key for call in group}
        self.carried: set[str] = set()
        """The records whose parent is told by their history."""
        self.parent = {key: parent for key, group in self.groups.items() if (parent := self._parent(group))}
        for key in sorted(self.groups.keys() - self.parent.keys()):
            if parent := self._said_before(key):
                self.parent[key] = parent
                self.carried.add(key)
        self.hinted: set[str] = set()
        """The records whose parent nothing but the look of their id tells."""
        for key in sorted(self.groups.keys() - self.parent.keys()):
            if self.told_id(key) == LATER and (parent := self._given(FIRST, self.groups[key][0])):
                self.parent[key] = parent
                self.hinted.add(key)

    def told_id(self, key: str) -> str | None:
        """The id of a record: the last that a create was given, else the one that its gets name."""
        group = self.groups[key]
        told = [call.interaction_id for call in group if call.operation == "create" and call.interaction_id]
        return told[-1] if told else next((c.told for c in group if c.told and c.operation != "create"), None)

    def _leader(self, call: Call, leader: dict[str, Any], followed: set[str]) -> Any:
        earlier = [other for other in self._calls if other.order < call.order and other.scope == call.scope]
        creates = [other for other in earlier if other.operation == "create"]
        if call.operation != "create":
            named = [other for other in creates if other.interaction_id == call.told]
            return leader[named[-1].key] if named else (call.scope, call.told)
        failed = [
            other
            for other in creates
            if other.attempt == call.attempt
            and other.key not in followed
            and other.retried_until is not None
            and other.start + other.took <= call.start < other.retried_until
        ]
        if failed:
            attempt = min(failed, key=lambda other: (other.start + other.took, other.key))
            followed.add(attempt.key)
            return leader[attempt.key]
        givers = [other for other in creates if call.sent and other.given == call.sent and other.status == 200]
        givers = [other for other in givers if other.stage == DONE]
        return leader[givers[-1].key] if givers else call.key

    def _parent(self, group: list[Call]) -> str | None:
        first = group[0]
        if first.operation == "create":
            previous = first.previous
        else:
            read = [each for each in group if each.operation != "delete" and each.answered]
            previous = next((each.previous for each in read if each.previous), None)
        if not previous:
            return None
        return self._given(previous, first) or identity.ghost_key(*first.scope, previous)

    def _given(self, told: str, first: Call) -> str | None:
        named = [
            other
            for other in self._calls
            if other.order < first.order and other.scope == first.scope and other.interaction_id == told
        ]
        creates = [other for other in named if other.operation == "create"]
        return self.record[(creates[-1] if creates else named[0]).key] if named else None

    def _said(self, key: str) -> tuple[tuple[str, str], ...] | None:
        """All that was said up to the end of a record that sends along what it needs; None if that is unknown."""
        group = sorted(self.groups[key], key=lambda call: (call.start, call.key))
        asking = next((call for call in group if call.operation == "create"), None)
        if self.groups[key][0].operation != "create" or asking is None or group[-1].stage != DONE:
            return None
        answers = [
            (call.prompt if call.operation == "create" else "later")
            for call in group
            if call.status == 200 and call.stage == DONE and call.operation != "delete"
            if not (call.stream and call.operation == "create")
        ]
        return (*asking.carried, ("app", asking.prompt), ("model", answers[-1])) if answers else None

    def _said_before(self, key: str) -> str | None:
        first = self.groups[key][0]
        group = sorted(self.groups[key], key=lambda call: (call.start, call.key))
        asking = next((call for call in group if call.operation == "create"), None)
        if first.operation != "create" or first.previous or asking is None or group[-1].stage != DONE:
            return None
        place = group[0].start, key
        earlier = [
            (len(said), (self.groups[other][0].start, other), other)
            for other in self.groups
            if self.groups[other][0].scope == first.scope and not self.groups[other][0].previous
            if (said := self._said(other)) and said == asking.carried[: len(said)]
            if (self.groups[other][0].start, other) < place
        ]
        return max(earlier)[2] if earlier else None

    @property
    def ghosts(self) -> dict[str, int]:
        """Ghost -> start of its first child."""
        starts: dict[str, int] = {}
        for key, parent in self.parent.items():
            if parent not in self.groups:
                start = min(call.start for call in self.groups[key])
                starts[parent] = min(start, starts.get(parent, start))
        return starts

    def root(self, key: str) -> str:
        while parent := self.parent.get(key):
            key = parent
        return key


def mostly(usual: list[Any], rare: list[Any]) -> st.SearchStrategy[Any]:
    """One of the usual values five times out of six: what is rare alone is hopeless together."""
    return st.sampled_from(usual * 5 * len(rare) + rare * len(usual))


CALLS = st.fixed_dictionaries(
    {
        "operation": mostly(["create", "create", "get"], ["cancel", "delete"]),
        "project": mostly(["p"], ["q"]),
        "origin": mostly(["https://a.example"], ["https://b.example"]),
        "run": mostly(["r1"], ["r2"]),
        "start": st.integers(0, 30),
        "took": st.integers(0, 3),
        "status": mostly([200], [429, 503, None]),
        "told": mostly(["x", FIRST, LATER], ["z", "", None]),
        "previous": mostly([None, "x", FIRST], ["z", LATER, ""]),
        "prompt": st.sampled_from(["one", "two", "three"]),
        "sent": mostly([None], ["t", ""]),
        "given": mostly([None], ["t", ""]),
        "stream": mostly([False], [True]),
        "wait": mostly([None], [0, 12]),
        "stage": mostly([DONE], [UNSEEN, STREAMING]),
    }
)


class AnyOrder(RuleBasedStateMachine):
    def __init__(self, folder: Path, normalize: Normalize) -> None:
        super().__init__()
        self.folder, self.normalize = folder, normalize
        self.path = folder / "tracer.db"
        for old in folder.glob("*.db*"):
            old.unlink()
        self.writer = Writer(self.path, normalize=normalize)
        self.reader = Reader(self.path)
        self.calls: dict[str, Call] = {}
        self.numbers = count(1)
        self.seqs: dict[str, int] = {}
        self.keys: set[str] = set()
        self.rev = 0

    def teardown(self) -> None:
        self.reader.close()
        self.writer.close()

    def _call(self, values: dict[str, Any]) -> Call:
        if values["operation"] != "create" and not values["told"]:
            values = {**values, "told": "x"}
        if values["status"] is None or values["wait"] is None:
            values = {**values, "wait": None}
        return Call(number=next(self.numbers), **values)

    @rule(several=st.lists(CALLS, min_size=1, max_size=3))
    def happen(self, several: list[dict[str, Any]]) -> None:
        """Calls that may have nothing to do with each other arrive together."""
        calls = [self._call(values) for values in several]
        self.calls |= {call.key: call for call in calls}
        self.writer.apply([call.exchange() for call in calls])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), values=CALLS, gap=st.integers(-12, 12))
    def try_again(self, data: st.DataObject, values: dict[str, Any], gap: int) -> None:
        """Another attempt of a call, before or after it."""
        other = data.draw(st.sampled_from(list(self.calls.values())))
        same = {
            name: getattr(other, name)
            for name in ("project", "origin", "run", "prompt", "previous", "sent", "stream", "carried")
        }
        status = data.draw(st.sampled_from([200, 429, 503, None]))
        again = {**values, **same, "operation": "create", "status": status, "start": max(0, other.start + gap)}
        self.happen([again])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), values=CALLS, gap=st.integers(-3, 12), operation=st.sampled_from(["create", "create", "get"]))
    def go_on(self, data: st.DataObject, values: dict[str, Any], gap: int, operation: str) -> None:
        """A turn that continues another one, or a poll of it."""
        other = data.draw(st.sampled_from(list(self.calls.values())))
        same = {"project": other.project, "origin": other.origin, "operation": operation}
        named = {"previous": other.told} if operation == "create" else {"told": other.told}
        self.happen([{**values, **same, **named, "start": max(0, other.start + gap)}])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), values=CALLS, gap=st.integers(-3, 12))
    def go_on_with_all_of_it(self, data: st.DataObject, values: dict[str, Any], gap: int) -> None:
        """A turn that sends along what was said before it, or the beginning of that, or something else."""
        other = data.draw(st.sampled_from(list(self.calls.values())))
        answered = data.draw(mostly([other.prompt], ["later", "one"]))
        carried = (*other.carried, ("app", other.prompt), ("model", answered))
        same = {"project": other.project, "origin": other.origin, "operation": "create", "carried": carried}
        previous = data.draw(mostly([None], [other.previous]))
        start = max(0, other.start + gap)
        self.happen([{**values, **same, "previous": previous, "start": start, "sent": None}])

    @precondition(lambda self: any(call.stage != DONE for call in self.calls.values()))
    @rule(data=st.data(), stage=st.sampled_from([STREAMING, DONE]))
    def grow(self, data: st.DataObject, stage: int) -> None:
        running = [call for call in self.calls.values() if call.stage != DONE]
        call = data.draw(st.sampled_from(running))
        grown = replace(call, stage=max(stage, call.stage))
        self.calls[call.key] = grown
        self.writer.apply([grown.exchange()])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), stage=st.sampled_from([UNSEEN, STREAMING, DONE]))
    def come_again(self, data: st.DataObject, stage: int) -> None:
        call = data.draw(st.sampled_from(list(self.calls.values())))
        before = self.reader.last_rev()
        self.writer.apply([replace(call, stage=min(stage, call.stage)).exchange()])
        assert self.reader.last_rev() == before

    @rule(most=st.integers(1, 3))
    def index(self, most: int) -> None:
        self.writer.catch_up(most)

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.writer = Writer(self.path, normalize=self.normalize)

    @invariant()
    def holds_what_the_model_says(self) -> None:
        model = Model(list(self.calls.values()))
        rows = self._rows()
        assert {key for key, row in rows.items() if not row.ghost} == model.groups.keys()
        assert {key: row.started_at_us for key, row in rows.items() if row.ghost} == {
            key: START_US + start * SECOND for key, start in model.ghosts.items()
        }
        for key, row in rows.items():
            assert row.parent_key == model.parent.get(key)
            assert row.root_key == model.root(key)
            hinted = "id_structure" if key in model.hinted else "id"
            assert row.linked_by == ("history" if key in model.carried else hinted if row.parent_key else None)
        for key, group in model.groups.items():
            assert [each.key for each in self.reader.exchanges(key)] == [
                call.key for call in sorted(group, key=lambda call: (call.start, call.key))
            ]
            assert self.reader.record(key)["key"] == key
            assert self.reader.record(key)["root_key"] == model.root(key)
            assert rows[key].id == model.told_id(key)
        self._sums_add_up(model, rows)

    def _rows(self) -> dict[str, InteractionRow]:
        rows = self.reader.interactions() + self.reader.interactions(parse_ghosts())
        assert len({row.key for row in rows}) == len({row.seq for row in rows}) == len(rows)
        return {row.key: row for row in rows}

    def _sums_add_up(self, model: Model, rows: dict[str, InteractionRow]) -> None:
        trees: dict[str, list[InteractionRow]] = defaultdict(list)
        for row in rows.values():
            trees[row.root_key].append(row)
        seen = self.reader.conversations(self.reader.conversation_seqs())
        assert {one.root_key for one in seen} == trees.keys()
        for one in seen:
            real = [row for row in trees[one.root_key] if not row.ghost]
            assert one.interactions == len(real)
            assert one.seq == min(row.seq for row in real)
            assert one.running == sum(row.state == "in_flight" for row in real)
            assert one.failed == sum(row.state == "error" for row in real)
            assert one.total_tokens == sum(row.total_tokens or 0 for row in real)
            assert one.started_at_us == min(row.started_at_us for row in real)
            assert one.rev >= max(row.rev for row in real)
            assert {row.key for row in self.reader.tree(one.root_key)} == {row.key for row in trees[one.root_key]}
            top = [row for row in real if one.root_key in (row.key, row.parent_key)]
            first = min(top, key=lambda row: (row.key != one.root_key, row.started_at_us, row.key))
            assert one.title == first.prompt

    @invariant()
    def nothing_is_left_over(self) -> None:
        with sqlite3.connect(self.path) as raw:
            real = {seq for (seq,) in raw.execute("SELECT seq FROM interaction WHERE ghost = 0")}
            assert {seq for (seq,) in raw.execute("SELECT seq FROM record")} == real
            searched = {seq for (seq,) in raw.execute("SELECT rowid FROM search")}
            later = dict(raw.execute("SELECT seq, again FROM unsearched"))
            assert searched | later.keys() == real
            assert searched & later.keys() == {seq for seq, again in later.items() if again}
            wanted = "SELECT request_hash FROM exchange UNION SELECT response_hash FROM exchange"
            assert not raw.execute(f"SELECT 1 FROM blob WHERE hash NOT IN ({wanted})").fetchone()
            open_ones = {call.key for call in self.calls.values() if call.stage != DONE}
            kept = raw.execute("SELECT key FROM exchange JOIN open_body USING (seq)")
            assert {key for (key,) in kept} == open_ones
        raw.close()

    @invariant()
    def names_keep_their_meaning(self) -> None:
        rev = self.reader.last_rev()
        assert rev >= self.rev
        self.rev = rev
        rows = self._rows()
        model = Model(list(self.calls.values()))
        heirs: dict[str, list[int]] = defaultdict(list)
        for key, seq in self.seqs.items():
            heirs[model.record[key]].append(seq)
        for key, seqs in heirs.items():
            assert rows[key].seq == min(seqs)
        for key in self.keys:
            meant = self.reader.resolve(key)
            assert meant in rows
            assert key not in model.record or meant == model.record[key]
        self.seqs = {key: row.seq for key, row in rows.items() if not row.ghost}
        self.keys |= rows.keys()


def parse_ghosts() -> Any:
    from tracer.store.filters import parse

    return parse("is:ghost")


def test_the_store_is_a_function_of_the_set_of_exchanges(tmp_path: Path, normalize: Normalize) -> None:
    run_state_machine_as_test(
        lambda: AnyOrder(tmp_path, normalize),
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
