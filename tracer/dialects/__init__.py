"""One file per dialect, both directions; `base.py` is the contract, `words.py` the tables."""

from __future__ import annotations

from tracer.dialects.base import Dialect, DialectName, StreamWriter
from tracer.dialects.guide import GuideDialect
from tracer.dialects.outputs import OutputsDialect
from tracer.dialects.steps import StepsDialect
from tracer.dialects.words import EVENT_NAMES
from tracer.events import JsonObject

__all__ = ["DIALECTS", "Dialect", "DialectName", "StreamWriter", "detect", "reader"]

DIALECTS: dict[DialectName, Dialect] = {"steps": StepsDialect(), "outputs": OutputsDialect(), "guide": GuideDialect()}

_BY_EVENT: dict[str, DialectName] = {
    name: dialect
    for names in EVENT_NAMES.values()
    for dialect, name in names.items()
    if list(names.values()).count(name) == 1
}
_GUIDE_COUNTS = frozenset({"prompt_tokens", "completion_tokens"})


def detect(payload: JsonObject) -> DialectName:
    """The dialect that a response body or an event payload gives away; `unknown` if it does not tell.

    Requests never tell (WIRE.md section 1): the same header and body occur with every dialect.
    """
    name = payload.get("event_type")
    if isinstance(name, str):
        found = _BY_EVENT.get(name, "unknown")
        if found == "outputs" and name == EVENT_NAMES["ended"]["outputs"]:
            return "guide" if _counts_like_the_guide(payload.get("interaction")) else found
        return found
    if isinstance(payload.get("steps"), list):
        return "steps"
    if _counts_like_the_guide(payload):
        return "guide"
    # A running legacy job has no list yet, but a role, which the current API does not know.
    legacy = isinstance(payload.get("outputs"), list) or payload.get("role") in ("model", "agent")
    return "outputs" if legacy else "unknown"


def reader(name: DialectName) -> Dialect:
    """The dialect to read with; what is still unknown reads the same in all, so the current one does it."""
    return DIALECTS.get(name, DIALECTS["steps"])


def _counts_like_the_guide(body: object) -> bool:
    usage = body.get("usage") if isinstance(body, dict) else None
    return isinstance(usage, dict) and not usage.keys().isdisjoint(_GUIDE_COUNTS)
