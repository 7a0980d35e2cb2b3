"""What is secret in headers, queries, paths and JSON bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracer.errors import WireError
from tracer.wire.exchange import Headers
from tracer.wire.redact import Query, Redactor, account_tag

KEY = "my-own-key-9f31"


def redactor(path: str = "/v1/interactions", query: Query = (), headers: Headers = ()) -> Redactor:
    return Redactor(path=path, query=query, headers=headers)


def test_secret_headers_keep_their_name_and_lose_their_value() -> None:
    headers = (
        ("X-Goog-Api-Key", KEY),
        ("Authorization", "Bearer tok-12345678"),
        ("Cookie", "sid=0123456789abcdef0"),
        ("Proxy-Authorization", "Basic abc"),
        ("Accept", "*/*"),
        ("cookie", ""),
    )
    assert redactor(headers=headers).headers(headers) == (
        ("X-Goog-Api-Key", "[redacted]"),
        ("Authorization", "[redacted]"),
        ("Cookie", "[redacted]"),
        ("Proxy-Authorization", "[redacted]"),
        ("Accept", "*/*"),
        ("cookie", ""),
    )


def test_query_and_path() -> None:
    query = (("alt", "sse"), ("key", KEY), ("access_token", "abc"))
    subject = redactor("/t/my-token-1/v1/interactions", query)
    assert subject.query(query) == (("alt", "sse"), ("key", "[redacted]"), ("access_token", "[redacted]"))
    assert subject.path("/t/my-token-1/v1/interactions") == "/t/[redacted]/v1/interactions"
    assert subject.text(f"bad key {KEY}, token my-token-1") == "bad key [redacted], token [redacted]"


def test_values_seen_in_the_request_are_masked_everywhere() -> None:
    headers = (("x-goog-api-key", 'quo"te/key-1'), ("authorization", "Bearer tok-12345678"))
    subject = redactor(headers=headers)
    body = json.dumps({"error": 'quo"te/key-1 or tok-12345678'}).encode() + b" quo%22te%2Fkey-1"
    masker = subject.response_body()
    assert masker.feed(body) + masker.finish() == b'{"error": "[redacted] or [redacted]"} [redacted]'
    assert subject.headers((("x-echo", "tok-12345678"),)) == (("x-echo", "[redacted]"),)


def test_short_values_and_plain_cookies_do_not_punch_holes() -> None:
    subject = redactor(headers=(("x-goog-api-key", "text"), ("cookie", "lang=english; theme=dark")))
    assert subject.request_body(b'{"type":"text","lang":"english"}') == b'{"type":"text","lang":"english"}'


def test_a_set_cookie_is_learned() -> None:
    subject = redactor()
    headers = (("Set-Cookie", "sid=0123456789abcdef0; Path=/; HttpOnly"),)
    assert subject.headers(headers) == (("Set-Cookie", "[redacted]"),)
    assert subject.text("sid 0123456789abcdef0") == "sid [redacted]"


def test_tool_secrets_in_a_create_are_masked_and_learned() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "tools": [
            {
                "type": "mcp_server",
                "url": "u",
                "headers": {"Authorization": "Bearer mcp-secret-77", "Accept": "text/plain"},
            },
            {"type": "retrieval", "exa_ai_search_config": {"api_key": "exa-secret-42", "top_k": 3}},
        ],
    }
    subject = redactor()
    kept = json.loads(subject.request_body(json.dumps(body).encode()))
    assert kept["tools"][0]["headers"] == {"Authorization": "[redacted]", "Accept": "[redacted]"}
    assert kept["tools"][1]["exa_ai_search_config"] == {"api_key": "[redacted]", "top_k": 3}
    assert kept["tools"][0]["url"] == "u"
    assert subject.text("mcp-secret-77 exa-secret-42 text/plain") == "[redacted] [redacted] text/plain"


def test_a_body_without_secret_fields_keeps_its_bytes() -> None:
    body = b'{ "model" : "m",\n "input": "mcp_server api_key" }'
    assert redactor().request_body(body) == body


def test_a_body_that_may_hide_secrets_must_parse() -> None:
    with pytest.raises(WireError, match="not valid JSON"):
        redactor().request_body(b'{"tools":[{"type":"mcp_server","headers":{"A":"b')


@pytest.mark.parametrize("path", ["/v1/credentials", "/gw/v1beta/credentials/c1"])
def test_credentials_lose_their_values_both_ways(path: str) -> None:
    body = b'{"name":"credentials/c1","type":"oauth","value":{"client_secret":"s3cr3t-value-1","n":1}}'
    expected = b'{"name":"credentials/c1","type":"oauth","value":{"client_secret":"[redacted]","n":1}}'
    subject = redactor(path)
    assert subject.request_body(body) == expected
    masker = subject.response_body()
    assert masker.feed(body[:40]) + masker.feed(body[40:]) == b""
    assert masker.finish() == expected


def test_account_tags_tell_keys_apart_and_nothing_else() -> None:
    tag = account_tag(KEY, b"a" * 32)
    assert tag == account_tag(KEY, b"a" * 32)
    assert tag.startswith("k:")
    assert len(tag) == 14
    assert tag != account_tag(KEY + "2", b"a" * 32)
    assert tag != account_tag(KEY, b"b" * 32)


def test_the_account_is_the_key_wherever_it_stands() -> None:
    assert redactor(headers=(("x-goog-api-key", KEY),)).account_secret == KEY
    assert redactor(query=(("key", KEY),)).account_secret == KEY
    assert redactor(headers=(("Authorization", f"Bearer {KEY}"),)).account_secret == KEY
    assert redactor().account_secret is None
