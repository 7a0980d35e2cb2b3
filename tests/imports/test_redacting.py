from __future__ import annotations

import json
from dataclasses import replace

from tracer.imports.redacting import Keys, redacted, without_bodies
from tracer.testing import START_US, answer, exchange, text_stream
from tracer.wire.exchange import Exchange, Outcome
from tracer.wire.redact import account_tag

SECRET = "canary-4711-secret"
ACCOUNT_KEY = b"k" * 32
LIMIT = 1 << 20


def clean(one: Exchange, limit: int = LIMIT) -> Exchange:
    return redacted(one, ACCOUNT_KEY, limit)


def told_everywhere() -> Exchange:
    tool = {"type": "mcp_server", "headers": {"authorization": f"Bearer {SECRET}-tool-1"}}
    return exchange(
        {"model": "m", "input": f"my key is {SECRET}", "tools": [tool]},
        answer("v1_a", text=f"you said {SECRET}, and {SECRET}-tool-1"),
        query=(("key", SECRET), ("alt", "json")),
        request_headers=(("X-Goog-Api-Key", SECRET), ("x-echo", SECRET)),
        response_headers=(("Set-Cookie", f"sid={SECRET}-cookie; Path=/"), ("x-echo", f"{SECRET}-cookie")),
        origin=f"https://user:{SECRET}@generativelanguage.googleapis.com",
        path=f"/t/{SECRET}/v1/interactions",
        error=f"{SECRET} was refused",
        notes=(f"about {SECRET}",),
        chunks=(),
    )


def test_a_secret_leaves_no_trace() -> None:
    one = clean(told_everywhere())
    assert SECRET not in repr(one)
    assert SECRET[:12] not in repr(one)
    assert one.origin == "https://generativelanguage.googleapis.com"
    assert one.account == account_tag(SECRET, ACCOUNT_KEY)
    assert json.loads(one.response_body)["steps"][0]["content"][0]["text"].startswith("you said [redacted]")


def test_a_get_does_not_give_back_what_its_create_hid() -> None:
    tool = {"type": "mcp_server", "name": "w", "headers": {"authorization": SECRET}}
    one = clean(exchange(None, answer("v1_a", text="Hi.", tools=[tool]), path="/v1/interactions/v1_a"))
    assert SECRET.encode() not in one.response_body
    assert json.loads(one.response_body)["tools"][0]["name"] == "w"


def test_what_is_redacted_stays_as_it_is() -> None:
    for one in (told_everywhere(), exchange({"input": "x" * 90}, text_stream("v1_a", ["a"])), exchange(None, b"")):
        once = clean(one, 64)
        assert replace(clean(once, 64), account=once.account) == once
        assert clean(once, 64).account is None


def test_bodies_without_secrets_are_byte_for_byte() -> None:
    one = exchange({"model": "m", "input": "Grüß \\u00fc"}, text_stream("v1_a", ["Hal", "lo"]))
    after = clean(one)
    assert after == one


def test_chunk_times_go_when_their_body_changed() -> None:
    one = exchange(
        {"input": "x"}, text_stream("v1_a", [SECRET, "b"]), request_headers=(("x-goog-api-key", SECRET),), path=None
    )
    after = clean(one)
    assert one.chunks
    assert after.chunks == ()
    assert any("times are left out" in note for note in after.notes)


def test_bodies_are_kept_up_to_the_limit() -> None:
    one = clean(exchange({"input": "x" * 100}, b"y" * 100), 10)
    assert (one.request_body, one.response_body) == (b'{"input": ', b"y" * 10)
    assert [note.split(" bytes")[0] for note in one.notes if "kept up to" in note] == [
        "request: the body is kept up to 10",
        "response: the body is kept up to 10",
    ]
    assert one.response_size == 100


def test_a_body_that_may_hide_a_secret_and_cannot_be_read_is_not_kept() -> None:
    broken = b'{"mcp_server": ' + SECRET.encode()
    one = clean(replace(exchange({"input": "x"}, b""), request_body=broken))
    assert one.request_body == b""
    assert "was not kept" in one.notes[0]


def test_what_runs_no_more_has_ended() -> None:
    assert clean(exchange({"input": "x"}, b"", outcome=Outcome.OPEN)).outcome is Outcome.INTERRUPTED
    silent = clean(exchange({"input": "x"}, status=None))
    assert (silent.outcome, silent.error) == (Outcome.FAILED, "the recording holds no response")
    refused = clean(exchange({"input": "x"}, status=None, outcome=Outcome.FAILED, error="refused"))
    assert (refused.outcome, refused.error) == (Outcome.FAILED, "refused")


def test_keys_come_from_content_and_equal_calls_differ_by_order() -> None:
    one = replace(exchange({"input": "x"}, answer("v1_a")), key="")
    other = replace(one, response_body=b"{}")
    later = replace(one, started_at_us=START_US + 1)
    first, second = Keys(), Keys()
    keys = [first.keyed(each).key for each in (one, one, other, later, one)]
    assert len(set(keys)) == 5
    assert [second.keyed(each).key for each in (one, one, other, later, one)] == keys
    # A recording that grew gives what it had before the same keys, wherever the new calls stand.
    grown = Keys()
    assert [grown.keyed(each).key for each in (later, one, one)] == [keys[3], keys[0], keys[1]]
    assert first.keyed(replace(one, key="a" * 32)).key == "a" * 32


def test_other_calls_say_where_and_how_much_but_not_what() -> None:
    one = exchange({"contents": []}, {"candidates": []}, path="/v1/models/m:generateContent")
    bare = without_bodies(one)
    assert (bare.request_body, bare.response_body, bare.chunks) == (b"", b"", ())
    assert (bare.request_size, bare.response_size, bare.status) == (one.request_size, one.response_size, 200)
    assert bare.notes == ("other call: bodies are not kept",)
    assert without_bodies(bare) == bare
