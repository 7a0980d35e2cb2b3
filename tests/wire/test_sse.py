from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import WireError
from tracer.wire.sse import DONE, ServerSentEvent, SseParser, encode, encode_done


def parse(body: bytes) -> list[ServerSentEvent]:
    """What a body holds; fed whole, byte by byte and in two pieces cut anywhere, which must make no difference."""
    parser = SseParser()
    whole = [*parser.feed(body), *parser.close()]
    bytewise = SseParser()
    one_by_one = [event for byte in body for event in bytewise.feed(bytes([byte]))]
    assert [*one_by_one, *bytewise.close()] == whole
    for cut in range(0, len(body), max(1, len(body) // 23)):
        halves = SseParser()
        first = halves.feed(body[:cut])
        assert [*first, *halves.feed(body[cut:]), *halves.close()] == whole
    return whole


def test_events_with_and_without_names() -> None:
    body = b'event: step.stop\ndata: {"a":1}\n\ndata:{"b":2}\n\n'
    assert parse(body) == [
        ServerSentEvent("step.stop", '{"a":1}', 32),
        ServerSentEvent(None, '{"b":2}', len(body)),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_end(ending: str) -> None:
    body = f"event: x{ending}data: 1{ending}data: 2{ending}{ending}: ping{ending}data: 3{ending}{ending}".encode()
    assert [(event.name, event.data) for event in parse(body)] == [("x", "1\n2"), (None, "3")]


def test_an_event_ends_with_the_first_byte_of_its_empty_line() -> None:
    parser = SseParser()
    assert parser.feed(b"data: 1\r\n\r") == [ServerSentEvent(None, "1", 10)]
    assert parser.feed(b"\ndata: 2\r\n\r\n") == [ServerSentEvent(None, "2", 21)]


def test_ids_retries_comments_and_unknown_fields_are_skipped() -> None:
    assert parse(b": hello\nid: 7\nretry: 10\nnonsense\ndata: x\n\n") == [ServerSentEvent(None, "x", 42)]


def test_an_unfinished_event_appears_at_the_end() -> None:
    parser = SseParser()
    assert parser.feed(b"data: tail") == []
    assert parser.close() == [ServerSentEvent(None, "tail", 10)]


def test_a_bare_json_line_is_an_event_of_its_own() -> None:
    body = b'data: 1\n{"error":{"code":"prohibited_content"}}\n\ndata: 2\n\n'
    events = parse(body)
    assert [(event.data, event.bare) for event in events] == [
        ("1", False),
        ('{"error":{"code":"prohibited_content"}}', True),
        ("2", False),
    ]


def test_text_that_is_not_utf8_is_kept_readable() -> None:
    assert parse(b"data: \xff!\n\n")[0].data == "�!"


def drip(parser: SseParser, piece: bytes) -> None:
    for _ in range(200):
        parser.feed(piece)


def test_an_endless_line_is_refused() -> None:
    parser = SseParser(max_event_bytes=1000)
    with pytest.raises(WireError, match="exceeds 1000 bytes"):
        drip(parser, b"data: never ends")


def test_endless_data_lines_are_refused() -> None:
    parser = SseParser(max_event_bytes=1000)
    with pytest.raises(WireError, match="exceeds 1000 bytes"):
        drip(parser, b"data: one more\n")


@given(
    st.lists(
        st.tuples(
            st.none() | st.from_regex(r"[a-z._]{1,12}", fullmatch=True),
            st.text(st.characters(codec="utf-8", exclude_characters="\r")),
        ),
        max_size=6,
    )
)
def test_what_is_written_is_read_again(sent: list[tuple[str | None, str]]) -> None:
    body = b"".join(encode(data, name) for name, data in sent) + encode_done()
    assert [(event.name, event.data) for event in parse(body)] == [*sent, ("done", DONE)]


@given(st.binary(max_size=300))
def test_any_bytes_make_events_inside_the_body(body: bytes) -> None:
    ends = [event.end for event in parse(body)]
    assert ends == sorted(ends)
    assert all(0 <= end <= len(body) for end in ends)
