"""Answers from recorded exchanges.

Each request takes the first recording with its fingerprint that is not taken yet, in the order of arrival. Polls are
different: a job may be asked more or less often than when it was recorded, so a get answers with the state that the
recording reached (`polls="collapse"`) or steps through the recorded ones and stays on the last (`"as_recorded"`); a
recorded cancel or delete separates the states before it from those after (a cancelled job that was never asked again
answers as its cancel did). Failed attempts that a later attempt made
good are not replayed. Streams keep their recorded chunks, and a stream that was cut is cut again. What was not asked
when it was recorded (a get with its input, a resume from another event, a cancel, a delete) is answered from what the
recordings tell of the interaction, as long as the app has been given it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tracer.errors import ReplayMiss, WireError
from tracer.player import matching, misses
from tracer.player.matching import IdMap, Request
from tracer.player.paths import parse_path
from tracer.player.recording import Recording, client_of, generation, raw_digest
from tracer.player.reissue import reissued
from tracer.player.reply import Call, Reply, ReplyChunk
from tracer.wire.exchange import Exchange, Headers, Outcome
from tracer.wire.keys import content_key
from tracer.wire.redact import Redactor

type Polls = Literal["collapse", "as_recorded"]

_NOT_REPLAYED = {
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "retry-after",
    "retry-after-ms",
    "transfer-encoding",
}
"""Framing is made anew; a wait that the service asked for is over."""
_BROKEN = {Outcome.CUT, Outcome.CLIENT_GONE, Outcome.INTERRUPTED, Outcome.OPEN}


@dataclass(slots=True)
class _Polls:
    """The recorded answers to one get, in stretches between cancel and delete."""

    stretches: list[list[Recording]] = field(default_factory=list)
    asked: dict[int, int] = field(default_factory=dict)

    def add(self, stretch: int, recording: Recording) -> None:
        """Take a recorded answer."""
        while len(self.stretches) <= stretch:
            self.stretches.append([])
        self.stretches[stretch].append(recording)

    def next(self, stretch: int, polls: Polls) -> Recording | None:
        """The answer in a stretch of the job's life; None if nothing was recorded there."""
        answers = self.stretches[stretch] if stretch < len(self.stretches) else []
        if not answers:
            return None
        position = self.asked.get(stretch, 0)
        self.asked[stretch] = position + 1
        return answers[-1] if polls == "collapse" else answers[min(position, len(answers) - 1)]


class Tape:
    """Plays exchanges; see the module. Not thread-safe: who shares it between threads holds a lock."""

    def __init__(
        self,
        exchanges: Sequence[Exchange | Recording],
        *,
        polls: Polls = "collapse",
        ignore: Sequence[str] = (),
        speed: float = 0,
        source: str = "the cassette",
        remedy: str = "record it again",
        ids: IdMap | None = None,
    ) -> None:
        """`speed` 0 sends at once, 1 as recorded, N that much faster. `source` and `remedy` complete the text of a
        miss: where was looked, and what to do about it. `ids` says which ids the app is given for the recorded ones.
        Raises UsageError for a wrong path in `ignore`.
        """
        self.ids = ids if ids is not None else IdMap()
        self.played: list[Exchange] = []
        self._polls: Polls = polls
        self._ignore = [parse_path(path) for path in ignore]
        self.speed = speed
        self._asked: set[str] = set()
        self._source = source
        self._remedy = remedy
        everything = list(self._read(exchanges))
        self._number = {id(recording): number for number, recording in enumerate(everything, 1)}
        self._recordings = self._worth_playing(everything)
        self._queues: dict[str, deque[Recording]] = defaultdict(deque)
        self._last: dict[str, Recording] = {}
        self._gets: dict[str, _Polls] = defaultdict(_Polls)
        self._stretch: dict[str | None, int] = defaultdict(int)
        self._cancelled: dict[str | None, Recording] = {}
        self._gone: set[str | None] = set()
        self._stopped: dict[str | None, Reply] = {}
        self._raw = {recording.raw: recording for recording in self._recordings}
        self._index()

    def answer(self, call: Call, now_us: int) -> Reply:
        """The recorded reply to a call; it is redacted as the recordings are. Raises ReplayMiss if there is none."""
        known = None if self._ignore or self.ids else self._raw.get(raw_digest(call))
        recording = self._take(known) if known else None
        if recording is None:
            call = redacted(call)
            request = matching.canonical(call, ignore=self._ignore, recorded_id=self.ids.recorded if self.ids else str)
            recording = self._take(request)
        if recording is None:
            recalled = self._recalled(call, request)
            if recalled is None:
                raise self._miss(call, request)
            return reissued(recalled, self.ids.pairs()) if self.ids else recalled
        exchange = recording.exchange
        recorded, asking = generation(client_of(exchange.request_headers)), generation(client_of(call.headers))
        if recording.operation != "other" and recorded and asking and recorded != asking:
            raise ReplayMiss(misses.other_generation(call, recording, source=self._source, remedy=self._remedy))
        self.played.append(exchange)
        self._asked.add(recording.key)
        reply = reply_of(exchange, speed=self.speed)
        return reissued(reply, self.ids.pairs()) if self.ids else reply

    @property
    def unplayed(self) -> list[Recording]:
        """The recordings that nothing has asked for. Polls count as asked for with the first get of their job."""
        waiting = {id(recording) for queue in self._queues.values() for recording in queue}
        return [
            recording
            for recording in self._recordings
            if (recording.key not in self._asked if recording.operation == "get" else id(recording) in waiting)
        ]

    def _worth_playing(self, recordings: Sequence[Recording]) -> list[Recording]:
        """In recorded order, without attempts that were made good later."""
        kept: list[Recording] = []
        good: set[str] = set()
        for recording in reversed(recordings):
            if not is_retryable(recording.status):
                good.add(recording.key)
            elif recording.key in good:
                continue
            kept.append(recording)
        return kept[::-1]

    def _read(self, exchanges: Iterable[Exchange | Recording]) -> Iterator[Recording]:
        for one in exchanges:
            if isinstance(one, Exchange):
                if one.status is not None:
                    yield Recording.of(one, self._ignore)
            else:
                yield Recording.of(one.exchange, self._ignore) if self._ignore else one

    def _index(self) -> None:
        stretch: dict[str | None, int] = defaultdict(int)
        for recording in self._recordings:
            if recording.operation == "get":
                self._gets[recording.key].add(stretch[recording.target], recording)
                continue
            self._queues[recording.key].append(recording)
            if recording.operation in ("cancel", "delete"):
                stretch[recording.target] += 1

    def _take(self, request: Request | Recording) -> Recording | None:
        key = request.key
        if request.operation == "get":
            if request.target in self._stopped:
                return None
            stretch = self._stretch[request.target]
            found = self._gets[key].next(stretch, self._polls)
            return found or self._cancelled.get(request.target)
        queue = self._queues.get(key)
        if not queue:
            return self._again(request, key)
        recording = queue.popleft()
        self._last[key] = recording
        if request.operation in ("cancel", "delete"):
            self._stretch[request.target] += 1
            self._cancelled.pop(request.target, None)
        if request.operation == "cancel" and recording.status == 200:
            self._cancelled[request.target] = recording
        if request.operation == "delete" and recording.status == 200:
            self._gone.add(request.target)
        return recording

    def _recalled(self, call: Call, request: Request) -> Reply | None:
        """The answer of a service that holds what was recorded of the request's target."""
        target = request.target
        if target is None or request.operation == "other":
            return None
        # What it takes to understand recordings is imported where one is asked for its state.
        from tracer.player.recalled import GONE, about, recalled

        known = about(target, self.played)
        if target in self._gone:
            reply: Reply | None = GONE
        elif not known:
            return None
        elif target in self._stopped and request.operation in ("get", "cancel"):
            reply = self._stopped[target]
        else:
            reply = recalled(request, about(target, [one.exchange for one in self._recordings]))
        if reply is None:
            return None
        if request.operation == "delete":
            self._gone.add(target)
        if request.operation == "cancel" and reply.status == 200:
            self._stopped[target] = reply
        self._keep(call, reply, (known or self.played)[-1])
        return reply

    def _keep(self, call: Call, reply: Reply, last: Exchange) -> None:
        """Among what was played: a call that came after `last` and was not recorded."""
        at_us = last.started_at_us + 1
        made = replace(
            last,
            key=content_key(at_us, str(len(self.played)).encode(), call.path.encode("utf-8", "replace"), reply.body),
            started_at_us=at_us,
            method=call.method,
            path=call.path,
            query=call.query,
            request_body=call.body,
            request_size=len(call.body),
            status=reply.status,
            response_headers=reply.headers,
            response_body=reply.body,
            response_size=len(reply.body),
            chunks=(),
            outcome=Outcome.CUT if reply.cut else Outcome.COMPLETE,
            error=None,
        )
        self.played.append(made)

    def _again(self, request: Request | Recording, key: str) -> Recording | None:
        """What may be asked more often than recorded: reading what is there, and retrying what failed to the end."""
        last = self._last.get(key)
        repeatable = request.operation == "resume" or (request.operation == "other" and request.method == "GET")
        failed = last is not None and is_retryable(last.status)
        return last if repeatable or failed else None

    def _miss(self, call: Call, request: Request) -> ReplayMiss:
        return misses.no_recording(
            call,
            request,
            [(self._number[id(recording)], recording) for recording in self._recordings],
            self.played,
            ids=self.ids,
            ignore=self._ignore,
            source=self._source,
            remedy=self._remedy,
        )


def redacted(call: Call) -> Call:
    """A call as a recorder would have kept it; its headers, of which nothing is compared or kept, as they are."""
    redactor = Redactor(path=call.path, query=call.query, headers=call.headers)
    try:
        body = redactor.request_body(call.body)
    except WireError:
        body = b""
    return Call(call.method, redactor.path(call.path), redactor.query(call.query), call.headers, body)


def is_retryable(status: int) -> bool:
    """Whether an SDK asks again after this status (WIRE.md section 14)."""
    return status in (408, 409, 429) or status >= 500


def reply_of(exchange: Exchange, *, speed: float = 0) -> Reply:
    """What was recorded, as a reply: decoded, with the chunks as the network delivered them."""
    status = exchange.status or 502
    headers: Headers = tuple(pair for pair in exchange.response_headers if pair[0].lower() not in _NOT_REPLAYED)
    if is_retryable(status):
        headers = (*headers, ("retry-after-ms", "1"))
    return Reply(status, headers, _chunks(exchange, speed), cut=exchange.outcome in _BROKEN)


def _chunks(exchange: Exchange, speed: float) -> tuple[ReplyChunk, ...]:
    body = exchange.response_body
    if sum(chunk.size for chunk in exchange.chunks) != len(body):
        return (ReplyChunk(0, body),) if body else ()
    chunks: list[ReplyChunk] = []
    start = sent_at = 0
    for chunk in exchange.chunks:
        if chunk.size:
            delay = int((chunk.at_us - sent_at) / speed) if speed else 0
            chunks.append(ReplyChunk(max(delay, 0), body[start : start + chunk.size]))
            start, sent_at = start + chunk.size, chunk.at_us
    return tuple(chunks)
