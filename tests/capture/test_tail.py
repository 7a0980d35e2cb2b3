"""Running exchanges are handed over a few at a time, those that wait longest first."""

from __future__ import annotations

from pathlib import Path

from tracer.capture.tail import SetTail
from tracer.testing import exchange, text_stream
from tracer.wire.frames import ResponseData

from .test_ingest import frames, journal


def test_who_waits_longest_comes_first_and_what_ended_is_not_among_them(tmp_path: Path) -> None:
    calls = [exchange({"input": f"{number}"}, text_stream(f"v1_{number}", ["a", "b"])) for number in range(4)]
    living = journal(tmp_path, [])
    told = [list(frames(call)) for call in calls]
    for some in told:
        for frame in some[:-2]:
            living.append(frame)
    tail = SetTail(tmp_path, living.name)
    assert [len(news.finished) for news in tail.news()] == [0]
    first = tail.changed(2)
    assert [one.key for one in first] == [call.key for call in calls[:2]]
    more = next(frame for frame in told[0] if isinstance(frame, ResponseData))
    living.append(more)
    living.append(told[2][-2])
    living.append(told[2][-1])
    assert [one.key for news in tail.news() for one in news.finished] == [calls[2].key]
    second = tail.changed(2)
    assert [one.key for one in second] == [calls[3].key, calls[0].key]
    assert len(second[1].response_body) == len(first[0].response_body) + len(more.data)
    assert tail.changed(2) == []
    living.close()
