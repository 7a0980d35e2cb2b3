"""The secret fields of a JSON text, masked in place while it arrives.

Secret are the header values of `mcp_server` tools and the `api_key` of `*_config` objects; of credentials everything
but a few open fields. Nothing is held back but a token that is not whole yet, and what follows `headers` whose object
has not told its `type`. What comes out does not depend on where the text was cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from tracer.wire import lexical
from tracer.wire.masking import MASK

MAX_HELD = 64 * 1024
"""`headers` that wait longer for the `type` of their object count as a tool's; longer secrets are not learned."""

_OPEN_CREDENTIAL_FIELDS = frozenset({"id", "name", "object", "type", "status", "display_name"})
_MAX_DEPTH = 5_000
_MAX_NAME = 256
_SHORTEST_BLOCK = 64
_WORDS = (b'mcp_server"', b'api_key"', b'headers"', b'_config"')
_ESCAPED_LETTER = re.compile(rb"\\u00[567]")
_MASKED = b'"%b"' % MASK

type _Inside = Literal["", "kept", "dropped"]


def may_hide(text: bytes) -> bool:
    """Whether secrets of a tool may be in a whole text: the words that this takes are there, or may be, escaped."""
    return b"mcp_server" in text or b"api_key" in text or _spells(text)


def _spells(text: bytes) -> bool:
    # Whether one of the words may be written with escapes.
    return b"\\u00" in text and _ESCAPED_LETTER.search(text) is not None


class FieldMasker:
    """JSON in, masked JSON out; `finish` gives what was held back.

    Where a text is no JSON its output ends: `broken_at` then tells after how many bytes.
    """

    def __init__(self, learn: Callable[[str], None], *, credentials: bool = False) -> None:
        """`learn` is told every value that is masked."""
        self.broken_at: int | None = None
        self._learn = learn
        self._credentials = credentials
        self._levels: list[_Level] = []
        self._name_is_due = False
        """Whether the next string of an object is a name."""
        self._over = False
        self._inside: _Inside = ""
        """What becomes of the rest of a string that is too long to be waited for."""
        self._rest = b""
        self._offset = 0
        """Where `_rest` begins in the text."""
        self._slow_until = 0
        """Up to here nothing is passed over."""
        self._out: list[bytes | _Doubtful] = []
        self._holds: list[_Hold] = []

    @property
    def complete(self) -> bool:
        """Whether what came is whole."""
        return self.broken_at is None and not (self._levels or self._rest or self._inside)

    def feed(self, data: bytes) -> bytes:
        """The masked bytes that are certain now."""
        if self.broken_at is None:
            self._scan(self._rest + data if self._rest else data)
        return self._certain()

    def finish(self) -> bytes:
        """The masked rest, when the text has ended or broken off; a string that is not whole is left out."""
        # Nobody will say any more what they are.
        self._settle(self._holds, is_tool=True)
        return self._certain()

    def _scan(self, buffer: bytes) -> None:
        position = 0
        while True:
            if self._inside:
                position = self._go_on_inside(buffer, position)
            if self._inside:
                break
            position = self._pass_over(buffer, position)
            taken = self._token(buffer, position) if position < len(buffer) else None
            if taken is None:
                break
            position = taken
            if self._holds:
                at = self._offset + position
                self._settle((hold for hold in self._holds if at - hold.begun > MAX_HELD), is_tool=True)
        self._rest = buffer[position:]
        self._offset += position

    def _go_on_inside(self, buffer: bytes, position: int) -> int:
        end, whole = lexical.string_end(buffer, position)
        if self._inside != "dropped":
            self._keep(buffer[position:end])
        if whole:
            self._inside = ""
        return end

    def _pass_over(self, buffer: bytes, position: int) -> int:
        """What hides nothing, many values at a time: an acceleration, without which nothing else would come out."""
        while self._offset + position >= self._slow_until and len(buffer) - position > _SHORTEST_BLOCK:
            block = lexical.block(buffer, position) if self._is_open() else b""
            if not block:
                break
            hides = any(word in block for word in _WORDS) or _spells(block)
            brackets = None if hides else lexical.left_open(block)
            if brackets is None or not self._walk(brackets):
                self._slow_until = self._offset + position + len(block)
                break
            self._keep(block)
            position += len(block)
            self._comma()
        return position

    def _is_open(self) -> bool:
        if not self._levels or self._credentials or self._holds or len(self._levels) > _MAX_DEPTH // 2:
            return False
        level = self._levels[-1]
        return not level.secret and (self._name_is_due or not level.is_object)

    def _walk(self, brackets: bytes) -> bool:
        closing = brackets.rstrip(b"[{")
        inner = self._levels[-len(closing) :] if closing else []
        if len(closing) >= len(self._levels) or closing != bytes(level.closes_with for level in reversed(inner)):
            return False
        del self._levels[len(self._levels) - len(closing) :]
        self._levels += (_Level(is_object=bracket == 0x7B) for bracket in brackets[len(closing) :])
        return True

    def _comma(self) -> None:
        self._name_is_due = True
        self._levels[-1].name = ""

    def _token(self, buffer: bytes, position: int) -> int | None:
        """Where what begins here ends; None if it is not whole, or nothing that may stand here."""
        if self._over:
            end = lexical.blank(buffer, position)
        else:
            byte = buffer[position]
            if byte == lexical.QUOTE:
                if self._name_is_due and self._levels and self._levels[-1].is_object:
                    return self._name(buffer, position)
                return self._string(buffer, position)
            if byte in b"{[":
                return self._open(buffer, position)
            if byte in b"}]":
                return self._close(buffer, position)
            end = lexical.between(buffer, position)
        if end == position:
            return self._break(position)
        run = buffer[position:end]
        self._keep(run)
        comma, colon = run.rfind(b","), run.rfind(b":")
        if comma >= 0 and self._levels:
            self._comma()
        if colon > comma:
            self._name_is_due = False
        return end

    def _open(self, buffer: bytes, position: int) -> int | None:
        if len(self._levels) >= _MAX_DEPTH:
            return self._break(position)
        level = _Level(is_object=buffer[position] == 0x7B)
        if self._levels:
            above = self._levels[-1]
            level.secret, level.doubtful = above.secret, above.doubtful
            level.is_config = above.is_object and above.name.endswith("_config")
            if level.is_object and above.is_object and above.name == "headers":
                if above.is_tool:
                    level.secret = True
                else:
                    self._holds.append(hold := _Hold(above, self._offset + position))
                    level.doubtful = (*level.doubtful, hold)
        self._levels.append(level)
        self._name_is_due = True
        self._keep(buffer[position : position + 1])
        return position + 1

    def _close(self, buffer: bytes, position: int) -> int | None:
        level = self._levels[-1] if self._levels else None
        if level is None or level.closes_with != buffer[position]:
            return self._break(position)
        self._keep(buffer[position : position + 1])
        self._levels.pop()
        self._name_is_due = False
        if self._levels:
            self._levels[-1].name = ""
        else:
            self._over = True
        if self._holds:
            self._settle((hold for hold in self._holds if hold.level is level), is_tool=False)
        return position + 1

    def _name(self, buffer: bytes, position: int) -> int | None:
        end, whole = lexical.string_end(buffer, position + 1)
        if not whole and end - position <= _MAX_NAME:
            return None
        # Nobody calls a field like that: what is below it counts as a configuration, to be safe.
        too_long = end - position > _MAX_NAME
        self._levels[-1].name = "_config" if too_long else lexical.text(buffer[position:end])
        self._keep(buffer[position:end])
        self._name_is_due = False
        self._inside = "" if whole else "kept"
        return end

    def _string(self, buffer: bytes, position: int) -> int | None:
        end, whole = lexical.string_end(buffer, position + 1)
        raw = buffer[position:end]
        level = self._levels[-1] if self._levels else None
        short = len(raw) <= MAX_HELD
        if level is not None:
            is_type = level.is_object and level.name == "type" and len(raw) <= _MAX_NAME
            secret = self._is_secret(level)
            if not whole and (is_type or (short and (secret or level.doubtful))):
                return None
            if level.doubtful and not short:
                self._settle(level.doubtful, is_tool=True)
                secret = True
            if secret:
                self._mask(level, raw, short=short)
            elif level.doubtful:
                self._doubt(level, raw)
            else:
                self._keep(raw)
            self._inside = "" if whole else "dropped" if secret else "kept"
            if is_type:
                self._type_told(level, raw)
        else:
            self._keep(raw)
            self._inside = "" if whole else "kept"
            self._over = True
        return end

    def _is_secret(self, level: _Level) -> bool:
        if level.secret or (level.is_config and level.name == "api_key"):
            return True
        return self._credentials and not (level.is_object and level.name in _OPEN_CREDENTIAL_FIELDS)

    def _mask(self, level: _Level, raw: bytes, *, short: bool) -> None:
        if raw == b'""' and level.name != "api_key":
            self._keep(raw)
            return
        self._out.append(_MASKED)
        if short:
            self._learn(lexical.text(raw))

    def _doubt(self, level: _Level, raw: bytes) -> None:
        value = _Doubtful(raw)
        self._out.append(value)
        for hold in level.doubtful:
            hold.values.append(value)

    def _type_told(self, level: _Level, raw: bytes) -> None:
        level.is_tool = level.is_tool or lexical.text(raw) == "mcp_server"
        if self._holds:
            self._settle((hold for hold in self._holds if hold.level is level), is_tool=level.is_tool)

    def _settle(self, holds: Iterable[_Hold], *, is_tool: bool) -> None:
        for hold in list(holds):
            self._holds.remove(hold)
            hold.level.is_tool = hold.level.is_tool or is_tool
            for level in self._levels:
                if hold in level.doubtful:
                    level.secret = level.secret or is_tool
                    level.doubtful = tuple(other for other in level.doubtful if other is not hold)
            for value in hold.values if is_tool else ():
                if value.written != _MASKED and value.written != b'""':
                    self._learn(lexical.text(value.written))
                    value.written = _MASKED

    def _break(self, position: int) -> int | None:
        self.broken_at = self._offset + position
        self._settle(self._holds, is_tool=True)
        return None

    def _keep(self, data: bytes) -> None:
        if data:
            self._out.append(data)

    def _certain(self) -> bytes:
        if self._holds:
            return b""
        parts = [part if isinstance(part, bytes) else part.written for part in self._out]
        self._out.clear()
        return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(slots=True, eq=False)
class _Level:
    """An object or array that has begun."""

    is_object: bool
    name: str = ""
    """Of the member whose value is due."""
    secret: bool = False
    """Its strings are."""
    is_config: bool = False
    is_tool: bool = False
    doubtful: tuple[_Hold, ...] = ()
    """The headers that it is part of and that are waited for."""

    @property
    def closes_with(self) -> int:
        """The bracket."""
        return 0x7D if self.is_object else 0x5D


@dataclass(slots=True, eq=False)
class _Hold:
    """The `headers` of an object that may turn out to be a tool."""

    level: _Level
    begun: int
    values: list[_Doubtful] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Doubtful:
    """A string that is secret if it belongs to a tool."""

    written: bytes
