"""Foldable lines of JSON, headers and events, flat.

A body is parsed once and walked (with a stack of our own, so that deep nesting can't overflow) into a list of nodes
that know where they end. What is visible is a `range` while nothing is folded, else the runs between what is folded. A
line is styled when it is drawn, never before.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, overload

type Kind = Literal["heading", "header", "event", "text", "note", "open", "close", "value"]

MAX_BODY = 24 * 1024 * 1024
"""Longer bodies are shown from their beginning, as text."""
SHOWN_OF_LONG = 1024 * 1024
INDENT = 2


class Node(NamedTuple):
    """One line. `depth` is its indentation; `end` the place of the last line that belongs to it, its own if none."""

    depth: int
    kind: Kind
    key: str | int | None
    """Name or place in its parent, the first words of a heading."""
    value: Any
    """Scalar, bracket, text, or what stands behind a heading."""
    end: int
    children: int = 0
    """Children of an opened one."""


class Runs(Sequence[int]):
    """The places of visible lines: runs of places that follow each other, so that half a million cost what is folded
    among them."""

    def __init__(self, runs: Iterable[range]) -> None:
        self._places = array("I")
        self._lines = array("I")
        self._total = 0
        for run in runs:
            if run:
                self._places.append(run.start)
                self._lines.append(self._total)
                self._total += len(run)

    def __len__(self) -> int:
        return self._total

    @overload
    def __getitem__(self, line: int) -> int: ...
    @overload
    def __getitem__(self, line: slice) -> Sequence[int]: ...
    def __getitem__(self, line: int | slice) -> int | Sequence[int]:
        if isinstance(line, slice):
            return [self[each] for each in range(*line.indices(self._total))]
        if not 0 <= line < self._total:
            raise IndexError(line)
        run = bisect_right(self._lines, line) - 1
        return self._places[run] + line - self._lines[run]


class Document:
    """Nodes, which of them are folded, and where a visible line is among them."""

    def __init__(self, nodes: Sequence[Node] = (), folded: Iterable[int] = ()) -> None:
        self.nodes = nodes
        self.folded = set(folded)
        self.visible: Sequence[int] = range(len(nodes))
        self._unfolded()

    def __len__(self) -> int:
        return len(self.visible)

    def node(self, line: int) -> Node:
        """What stands on a visible line."""
        return self.nodes[self.visible[line]]

    def opens(self, line: int) -> bool:
        """Whether something can be folded there."""
        place = self.visible[line]
        return self.nodes[place].end > place

    def is_folded(self, line: int) -> bool:
        """Whether something is folded there."""
        return self.visible[line] in self.folded

    def fold(self, line: int, folded: bool) -> None:
        """Fold or open what begins on a line."""
        (self.folded.add if folded else self.folded.discard)(self.visible[line])
        self._unfolded()

    def fold_all(self, folded: bool) -> None:
        """Everything below the first level, or nothing."""
        self.folded = {at for at, node in enumerate(self.nodes) if node.end > at and node.depth} if folded else set()
        self._unfolded()

    def line_of(self, place: int) -> int:
        """The visible line of a node, or of what hides it."""
        if isinstance(self.visible, range):
            return place
        low, high = 0, len(self.visible)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.visible[middle] <= place else (low, middle)
        return max(0, low - 1)

    def reveal(self, place: int) -> int:
        """Open whatever hides a node; returns its line."""
        hiding = {at for at in self.folded if at < place <= self.nodes[at].end}
        if hiding:
            self.folded -= hiding
            self._unfolded()
        return self.line_of(place)

    def parent(self, place: int) -> int | None:
        """The node that a node is in."""
        return next((above for above in range(place - 1, -1, -1) if self.nodes[above].end >= place), None)

    def path(self, place: int) -> str:
        """Where a value is in its JSON body, as jq says it."""
        keys: list[str | int] = []
        at: int | None = self.parent(place) if self.nodes[place].kind == "close" else place
        while at is not None and self.nodes[at].kind in ("open", "value"):
            key = self.nodes[at].key
            if key is not None:
                keys.append(key)
            at = self.parent(at)
        return jq_path(reversed(keys))

    def text(self, place: int) -> str:
        """The JSON that begins at a node; a string bare, to be pasted."""
        node = self.nodes[place]
        if node.kind == "close":
            return self.text(self.parent(place) or 0)
        if node.kind == "value":
            return node.value if isinstance(node.value, str) else json.dumps(node.value)
        pieces: list[str] = []
        for at in range(place, node.end + 1):
            line = self.nodes[at]
            if line.kind == "close":
                pieces.append(str(line.value))
            else:
                before = "" if not pieces or pieces[-1] in ("{", "[") else ","
                name = (
                    f"{json.dumps(line.key, ensure_ascii=False)}:" if isinstance(line.key, str) and at > place else ""
                )
                value = line.value if line.kind == "open" else json.dumps(line.value, ensure_ascii=False)
                pieces += [before + name, value]
        return json.dumps(json.loads("".join(pieces)), ensure_ascii=False, indent=2)

    def search(self, words: str, start: int, step: int) -> int | None:
        """The next node (or the one before, if `step` is -1) that holds `words`, round and round. Lower-case words
        match any case."""
        size = len(self.nodes)
        fold: Callable[[str], str] = str.lower if words == words.lower() else str
        for distance in range(1, size + 1):
            place = (start + step * distance) % size
            node = self.nodes[place]
            if words in fold(f"{'' if node.key is None else node.key} {node.value}"):
                return place
        return None

    def _unfolded(self) -> None:
        if not self.folded:
            self.visible = range(len(self.nodes))
            return
        self.visible = Runs(self._runs())

    def _runs(self) -> Iterator[range]:
        at = 0
        for fold in sorted(self.folded):
            if fold >= at:
                yield range(at, fold + 1)
                at = self.nodes[fold].end + 1
        yield range(at, len(self.nodes))


def jq_path(keys: Iterable[str | int]) -> str:
    """`.steps[0].content`; keys that are no names are quoted."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]" if path else f".[{key}]"
        elif key.isidentifier() and key.isascii():
            path += f".{key}"
        else:
            path += ("" if path else ".") + f"[{json.dumps(key, ensure_ascii=False)}]"
    return path or "."


def add_json(nodes: list[Node], value: Any, depth: int = 0, key: str | int | None = None) -> None:
    """A parsed JSON value as lines behind those that are there."""
    waiting: list[tuple[str | int | None, Any, int, int]] = [(key, value, depth, -1)]
    while waiting:
        key, value, depth, opened = waiting.pop()
        if opened >= 0:
            before = nodes[opened]
            nodes[opened] = before._replace(end=len(nodes))
            nodes.append(Node(depth, "close", None, value, len(nodes)))
        elif isinstance(value, dict) and value:
            waiting.append((None, "}", depth, len(nodes)))
            nodes.append(Node(depth, "open", key, "{", len(nodes), len(value)))
            waiting += [(name, inner, depth + 1, -1) for name, inner in reversed(value.items())]
        elif isinstance(value, list) and value:
            waiting.append((None, "]", depth, len(nodes)))
            nodes.append(Node(depth, "open", key, "[", len(nodes), len(value)))
            waiting += [(place, value[place], depth + 1, -1) for place in range(len(value) - 1, -1, -1)]
        else:
            nodes.append(Node(depth, "value", key, value, len(nodes)))


def add_body(nodes: list[Node], body: bytes, depth: int = 0) -> None:
    """A body as JSON if it is some, else as lines of text."""
    if len(body) > MAX_BODY:
        note = f"{len(body):,} bytes, of which the first {SHOWN_OF_LONG:,} are shown: `tracer show --raw` prints all"
        nodes.append(Node(depth, "note", None, note, len(nodes)))
        body = body[:SHOWN_OF_LONG]
    else:
        try:
            add_json(nodes, json.loads(body), depth)
            return
        except (ValueError, RecursionError):
            pass
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    for line in text.split("\n"):
        nodes.append(Node(depth, "text", None, line, len(nodes)))


def closed(nodes: list[Node], opened: int, count: int | None = None) -> None:
    """A heading that was put at `opened` ends with the last line there is."""
    nodes[opened] = nodes[opened]._replace(
        end=len(nodes) - 1, children=nodes[opened].children if count is None else count
    )
