"""What was understood of exchanges that will be asked for again: running ones, and the calls of a job that goes on."""

from __future__ import annotations

from tracer.dialects.words import RUNNING_STATUSES
from tracer.fold.reading import Reading, read
from tracer.wire.exchange import Exchange, Outcome

_MOST_BYTES = 16 * 1024 * 1024
_LEAST = 4096

type _Name = tuple[str | None, str]


class Readings:
    """Gives what `read` gives, without reading again what it has read already."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """`most_bytes` limits the bodies of the exchanges that are remembered; the latest one is in any case."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: dict[_Name, Reading] = {}

    def read(self, exchange: Exchange) -> Reading:
        """The reading of this exchange; what was given for it earlier must not be used any more. Never raises."""
        name = (exchange.project, exchange.key)
        # What breaks off halfway must not be gone on with: it is put back when all went well.
        before = self._held.pop(name, None)
        if before is not None:
            self._bytes -= _weight(before.exchange)
        reading = before if before is not None and before.exchange == exchange else read(exchange, before)
        if _is_asked_again(reading):
            self._held[name] = reading
            self._bytes += _weight(exchange)
            while self._bytes > self._most_bytes and len(self._held) > 1:
                self._bytes -= _weight(self._held.pop(next(iter(self._held))).exchange)
        return reading


def _weight(exchange: Exchange) -> int:
    return _LEAST + len(exchange.request_body) + len(exchange.response_body)


def _is_asked_again(reading: Reading) -> bool:
    if reading.exchange.outcome is Outcome.OPEN or reading.operation != "create":
        return True
    return any(told.status in RUNNING_STATUSES for told in reading.sightings[-1:])
