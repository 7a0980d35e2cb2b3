"""What a miss says: the nearest recording, where and by which words it differs, what the ids mean, what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence

from tracer.errors import ReplayMiss
from tracer.player import matching
from tracer.player.matching import IdMap, Request
from tracer.player.paths import JsonPath
from tracer.player.recording import Recording, client_of, generation, sdk
from tracer.player.reply import Call
from tracer.wire.exchange import Exchange

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_FEWEST_WORDS = 4
_KEPT_WORDS = 6
"""Equal words shown on either side of a change."""
_LONGEST_DIFF = 20_000
_MOST_PATHS = 3


def no_recording(
    call: Call,
    request: Request,
    recordings: Sequence[tuple[int, Recording]],
    played: Sequence[Exchange],
    *,
    ids: IdMap,
    ignore: Sequence[JsonPath],
    source: str,
    remedy: str,
) -> ReplayMiss:
    """The miss of a request that no recording answers. Recordings come with their numbers in the cassette."""
    asked = f"{call.method} {call.path}"
    if not recordings:
        return ReplayMiss(f"{source} holds no recording, and {asked} was asked; {remedy}")
    pairs = [(recording.request(ignore), recording.exchange) for _, recording in recordings]
    nearest = matching.explain(request, pairs)
    if nearest is None:
        times = sum(recording.key == request.key for _, recording in recordings)
        return ReplayMiss(f"{asked} was asked again, but {source} holds {times} of it, already played; {remedy}")
    number = next(number for number, recording in recordings if recording.exchange is nearest.exchange)
    lines = [
        f"{source} holds no recording of {asked}",
        f"  nearest is recording {number} of {recordings[-1][0]}, which differs first at {nearest.path}",
        f"    recorded: {matching.shown(nearest.recorded, nearest.asked)}",
        f"    asked:    {matching.shown(nearest.asked, nearest.recorded)}",
    ]
    if words := words_changed(nearest.recorded, nearest.asked):
        lines.append(f"    words:    {words}")
    if nearest.others:
        more = len(nearest.others) - _MOST_PATHS
        lines.append(
            f"  and at {', '.join(nearest.others[:_MOST_PATHS])}{f' and {more} more places' if more > 0 else ''}"
        )
    lines += _about_ids(request, ids, pairs, played)
    recorded, asking = client_of(nearest.exchange.request_headers), client_of(call.headers)
    if {generation(recorded), generation(asking)} == {"outputs", "steps"}:
        lines.append(f"  it was recorded with {sdk(recorded)}, and {sdk(asking)} asks: they speak different dialects")
    return ReplayMiss("\n".join([*lines, f"  {remedy}"]), number)


def other_generation(call: Call, recording: Recording, *, source: str, remedy: str) -> str:
    """The text for a recording whose answer the asking SDK can't read."""
    recorded, asking = sdk(client_of(recording.exchange.request_headers)), sdk(client_of(call.headers))
    return (
        f"{source} was recorded with {recorded}, and {asking} asks for {call.method} {call.path}: "
        f"they speak different dialects (before 2.0 `outputs`, from then on `steps`); {remedy}"
    )


def words_changed(old: object, new: object) -> str:
    """Two texts as one, with `[-words taken out-]` and `{+words put in+}`; empty if that says no more than both do."""
    if not (isinstance(old, str) and isinstance(new, str)) or len(old) + len(new) > _LONGEST_DIFF:
        return ""
    before, after = _WORD.findall(old), _WORD.findall(new)
    if min(len(before), len(after)) < _FEWEST_WORDS:
        return ""
    parts: list[str] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(_shortened(before[i:j], first=i == k == 0, last=(j, m) == (len(before), len(after))))
        else:
            parts += [f"[-{''.join(before[i:j])}-]"] if j > i else []
            parts += [f"{{+{''.join(after[k:m])}+}}"] if m > k else []
    return json.dumps("".join(parts), ensure_ascii=False)[1:-1]


def _shortened(words: list[str], *, first: bool, last: bool) -> str:
    kept = 2 * _KEPT_WORDS
    head, tail = ("" if first else "".join(words[:kept])), ("" if last else "".join(words[-kept:]))
    room = (not first) * kept + (not last) * kept
    return "".join(words) if len(words) <= room else f"{head}…{tail}"


def _about_ids(
    request: Request, ids: IdMap, pairs: Sequence[tuple[Request, Exchange]], played: Sequence[Exchange]
) -> list[str]:
    body = request.body
    named = request.target if request.operation != "other" else None
    if isinstance(body, dict) and isinstance(previous := body.get("previous_interaction_id"), str):
        named = previous
    if not named:
        return []
    for recorded, issued in ids.pairs():
        if recorded == named:
            return [f"  the id {issued!r} that was asked for stands for the recorded {recorded!r}"]
    quoted = json.dumps(named).encode()
    if any(quoted in exchange.response_body for exchange in played):
        return []
    if any(quoted in exchange.response_body for _, exchange in pairs):
        return [f"  the id {named!r} is recorded, but the answer that gives it was not asked for in this test"]
    return [f"  no recording gives the id {named!r}: it comes from somewhere else than this cassette"]
