"""YAML text in which bodies are block literals, so that a cassette can be read, searched and diffed.

vcrpy's serialisation calls `serialize` with its version 1 structure; what comes out loads with any YAML 1.1 reader
to exactly the same values. PyYAML's own emitter is used, since libYAML's escapes every character beyond U+FFFF, and
one emoji would turn a whole body into an escaped line.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_UNSAFE = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffe]| \n|^[ \n]| $"
)
"""What a block literal does not bring back: control characters, other line ends, spaces around a line's end."""


class Body(str):
    """Text that becomes a block literal if that brings it back exactly, else a quoted scalar."""

    __slots__ = ()


class Row(list[Any]):
    """A list that is written on one line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key and repeats values instead of naming them with anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_body(dumper: yaml.SafeDumper, text: Body) -> yaml.Node:
    style = '"' if not text or _UNSAFE.search(text) else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


def _represent_row(dumper: yaml.SafeDumper, row: Row) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)


_Dumper.add_representer(Body, _represent_body)
_Dumper.add_representer(Row, _represent_row)


def serialize(data: dict[str, Any]) -> str:
    """The text of a cassette: what vcrpy expects of a serializer."""
    for interaction in data["interactions"]:
        request, body = interaction["request"], interaction["response"]["body"]
        request["body"] = _body(request["body"])
        body["string"] = _body(body["string"])
    text: str = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**31)
    return text


def _body(value: Any) -> Any:
    return Body(value) if isinstance(value, str) else value
