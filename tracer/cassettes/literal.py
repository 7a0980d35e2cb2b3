"""YAML text in which bodies are block literals, so that a cassette can be read, searched and diffed.

vcrpy's serialisation calls `serialize` with its version 1 structure; what comes out loads with any YAML 1.1 reader
to exactly the same values. libYAML writes the structure; block literals are written here, since libYAML escapes every
character beyond U+FFFF (one emoji would turn a whole body into an escaped line), and PyYAML's own emitter, which does
not, takes seconds for megabytes.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import yaml

_UNSAFE = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffe]| \n|^[ \n]| $"
)
"""What a block literal does not bring back: control characters, other line ends, spaces around a line's end."""

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Row(list[Any]):
    """A list that is written on one line."""

    __slots__ = ()


class _Quoted(str):
    """Text that is written between double quotes, with everything unusual escaped."""

    __slots__ = ()


class _Dumper(_Base):  # type: ignore[misc]
    """Repeats values instead of naming them with anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_quoted(dumper: yaml.SafeDumper, text: _Quoted) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(_Quoted, _represent_quoted)


class _Stencil:
    """Stands in for values while the structure is written, and puts them into its text afterwards."""

    def __init__(self) -> None:
        self._token = f"mark-{secrets.token_hex(8)}"
        self._values: list[str | Row] = []

    def hold(self, value: Any) -> Any:
        """A mark for a text or a row; any other value as it is, a text that is no block literal quoted."""
        if isinstance(value, str) and (not value or _UNSAFE.search(value)):
            return _Quoted(value)
        if not isinstance(value, str | Row):
            return value
        self._values.append(value)
        return f"{self._token}-{len(self._values) - 1}"

    def fill(self, text: str) -> str:
        """The structure's text with the values where their marks stand."""
        mark = re.compile(rf"^(?P<indent> *)(?P<key>\w+): {self._token}-(?P<number>\d+)$", re.MULTILINE)
        return mark.sub(self._filled, text)

    def _filled(self, found: re.Match[str]) -> str:
        value, indent = self._values[int(found["number"])], found["indent"]
        text = json.dumps(value) if isinstance(value, Row) else _block(value, indent + "  ")
        return f"{indent}{found['key']}: {text}"


def _block(text: str, indent: str) -> str:
    """A block literal that begins on the key's line. The indicator says how many line ends close the text."""
    keep = "-" if text[-1] != "\n" else "+" if text.endswith("\n\n") else ""
    lines = text.removesuffix("\n").split("\n")
    return "\n".join([f"|{keep}", *(f"{indent}{line}" if line else "" for line in lines)])


def serialize(data: dict[str, Any]) -> str:
    """The text of a cassette: what vcrpy expects of a serializer. Changes `data`."""
    stencil = _Stencil()
    for interaction in data["interactions"]:
        request, body = interaction["request"], interaction["response"]["body"]
        request["body"] = stencil.hold(request["body"])
        body["string"] = stencil.hold(body["string"])
    for facts in data.get("metadata", {}).get("tracer", {}).get("exchanges", {}).values():
        facts.update({name: stencil.hold(value) for name, value in facts.items() if isinstance(value, Row)})
    text = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30)
    return stencil.fill(text)
