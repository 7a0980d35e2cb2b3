"""Bodies of JSON redacted as they come: a small one as a whole, of a large one no more than a token is held."""

from __future__ import annotations

from typing import Protocol

from tracer.errors import WireError
from tracer.wire.fields import FieldMasker
from tracer.wire.masking import MASK, SecretMasker

WHOLE_BYTES = 1 << 20
"""Up to this size JSON is redacted as one: a secret that it hides is then masked in what comes before that, too."""


class BodyMasker(Protocol):
    """Bytes in, redacted bytes out; `finish` gives what was held back."""

    @property
    def problem(self) -> str | None:
        """Why not all could be redacted and is left out, once the body has ended."""
        ...

    def feed(self, data: bytes) -> bytes:
        """The redacted bytes that are certain now."""
        ...

    def finish(self) -> bytes:
        """The redacted rest."""
        ...


class Rules(Protocol):
    """What is secret in an exchange (`tracer.wire.redact`)."""

    def request_body(self, body: bytes) -> bytes:
        """A whole text redacted. Raises WireError if it can't be."""
        ...

    def fields(self) -> FieldMasker:
        """A masker for the secret fields of one text."""
        ...

    def masker(self) -> SecretMasker:
        """A masker for all that is known to be secret."""
        ...


class JsonMasker:
    """Redacts one JSON text: as a whole if it is small, else as it comes."""

    def __init__(self, rules: Rules) -> None:
        self.problem: str | None = None
        self._rules = rules
        self._held: list[bytes] = []
        self._size = 0
        self._stream: tuple[FieldMasker, SecretMasker] | None = None

    def feed(self, data: bytes) -> bytes:
        """The redacted bytes that are certain now: none until the text is large."""
        if self._stream is None:
            self._held.append(data)
            self._size += len(data)
            if self._size <= WHOLE_BYTES:
                return b""
            data = self._take_held()
            self._stream = self._rules.fields(), self._rules.masker()
        fields, secrets = self._stream
        return secrets.feed(fields.feed(data))

    def finish(self) -> bytes:
        """The redacted rest."""
        if self._stream is None:
            try:
                return self._rules.request_body(self._take_held())
            except WireError as error:
                self.problem = str(error)
                return b""
        fields, secrets = self._stream
        rest = secrets.feed(fields.finish()) + secrets.finish()
        if fields.broken_at is not None:
            self.problem = f"the body is not valid JSON after {fields.broken_at} bytes, so the rest was not kept"
        return rest

    def learn(self) -> None:
        """Learn what the text hides as far as it has come."""
        if self._stream is None:
            fields = self._rules.fields()
            fields.feed(b"".join(self._held))
            fields.finish()

    def _take_held(self) -> bytes:
        held, self._held = self._held, []
        return held[0] if len(held) == 1 else b"".join(held)


class LinesMasker:
    """Redacts an event stream line by line: each is held until it is whole, or large."""

    problem: str | None = None
    """A line that can't be redacted is masked, and the others are kept."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._begun = bytearray()
        self._large: JsonMasker | None = None

    def feed(self, data: bytes) -> bytes:
        """The redacted bytes that are certain now."""
        first, *lines = data.split(b"\n")
        out = [self._more(first)]
        for line in lines:
            out += (self._end(), b"\n", self._more(line))
        return b"".join(out)

    def finish(self) -> bytes:
        """The redacted rest."""
        return self._end()

    def _more(self, data: bytes) -> bytes:
        if self._large is not None:
            return self._large.feed(data)
        self._begun += data
        if len(self._begun) <= WHOLE_BYTES:
            return b""
        head, value = _field(bytes(self._begun))
        self._large = JsonMasker(self._rules)
        return head + self._large.feed(value)

    def _end(self) -> bytes:
        large, self._large = self._large, None
        begun, self._begun = bytes(self._begun), bytearray()
        if large is not None:
            rest = large.finish()
            return rest + MASK if large.problem else rest
        head, value = _field(begun)
        try:
            return head + self._rules.request_body(value)
        except WireError:
            return b"data: " + MASK


def _field(line: bytes) -> tuple[bytes, bytes]:
    # JSON without a field name stands in some lines, too.
    if not line.startswith(b"data:"):
        return b"", line
    size = 6 if line.startswith(b"data: ") else 5
    return line[:size], line[size:]
