"""How old a cassette may be: ini `interactions_max_age = 90d`, `90d fail` or `90d rerecord`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import pytest

from tracer.errors import UsageError
from tracer.player.recording import Recording

_LIMIT = re.compile(r"(?P<days>\d+) ?d(?:ays)?(?: (?P<then>warn|fail|rerecord))?")
_DAY_US = 86_400_000_000
_DATED_US = 946_684_800_000_000
"""Start of the year 2000; recordings without a time of their own count from zero."""

type Then = Literal["warn", "fail", "rerecord"]


@dataclass(frozen=True, slots=True)
class Limit:
    """An age in days, and what happens past it."""

    days: int
    then: Then

    @property
    def text(self) -> str:
        """For messages."""
        return f"and interactions_max_age allows {self.days}"


def limit(config: pytest.Config) -> Limit | None:
    """The limit of the ini file, if it sets one. Raises UsageError."""
    text = config.getini("interactions_max_age").strip()
    if not text:
        return None
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise UsageError(f"interactions_max_age is {text!r}: write an age such as '90d', '90d fail' or '90d rerecord'")
    return Limit(int(found["days"]), cast("Then", found["then"] or "warn"))


def days_too_old(recordings: Sequence[Recording], limit: Limit) -> int | None:
    """The age of the oldest recording in days, if it is past the limit."""
    starts = [recording.exchange.started_at_us for recording in recordings]
    dated = [start for start in starts if start >= _DATED_US]
    if not dated:
        return None
    days = (time.time_ns() // 1000 - min(dated)) // _DAY_US
    return days if days > limit.days else None
