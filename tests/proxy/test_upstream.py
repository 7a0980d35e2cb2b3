"""Base URLs taken apart, and where each request goes."""

from __future__ import annotations

import pytest

from tracer.errors import UsageError
from tracer.proxy.upstream import Upstream, routing


@pytest.mark.parametrize(
    ("url", "expected", "origin"),
    [
        ("https://host", Upstream("https", "host", 443), "https://host"),
        ("http://host:80/", Upstream("http", "host", 80), "http://host"),
        ("https://host:8443/a/b/", Upstream("https", "host", 8443, "/a/b"), "https://host:8443"),
        ("http://[::1]:9/x", Upstream("http", "::1", 9, "/x"), "http://[::1]:9"),
    ],
)
def test_base_urls(url: str, expected: Upstream, origin: str) -> None:
    assert Upstream.parse(url) == expected
    assert expected.origin == origin


@pytest.mark.parametrize("url", ["host", "ftp://host", "http://", "http://host:port", "http://[::1", ""])
def test_other_texts_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="upstream"):
        Upstream.parse(url)


def test_who_names_the_upstream() -> None:
    environ = {"GOOGLE_GEMINI_BASE_URL": "http://named/gw", "GEMINI_API_BASE": "http://litellm"}
    assert routing("http://asked", environ).gemini.url == "http://asked"
    assert routing(None, environ).gemini.url == "http://named/gw"
    assert routing(None, {"GEMINI_API_BASE": "http://litellm"}).gemini.url == "http://litellm"
    assert routing(None, {}).gemini.url == "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("path", "origin", "target"),
    [
        ("/v1/interactions?a=b", "https://generativelanguage.googleapis.com", "/v1/interactions?a=b"),
        ("/_vertexes/x", "https://generativelanguage.googleapis.com", "/_vertexes/x"),
        ("/_vertex/v1/interactions", "https://aiplatform.googleapis.com", "/v1/interactions"),
        ("/_vertex", "https://aiplatform.googleapis.com", "/"),
        (
            "/_vertex/v1beta1/projects/p/locations/global/interactions",
            "https://aiplatform.googleapis.com",
            "/v1beta1/projects/p/locations/global/interactions",
        ),
        (
            "/_vertex/v1beta1/projects/p/locations/us-central1/interactions",
            "https://us-central1-aiplatform.googleapis.com",
            "/v1beta1/projects/p/locations/us-central1/interactions",
        ),
        (
            "/_vertex/v1beta1/projects/p/locations/eu/interactions",
            "https://aiplatform.eu.rep.googleapis.com",
            "/v1beta1/projects/p/locations/eu/interactions",
        ),
        (
            "/_vertex/v1beta1/projects/p/locations/evil.example.com%2F/interactions",
            "https://aiplatform.googleapis.com",
            "/v1beta1/projects/p/locations/evil.example.com%2F/interactions",
        ),
    ],
)
def test_where_a_request_goes(path: str, origin: str, target: str) -> None:
    upstream, asked = routing(None, {}).target(path)
    assert (upstream.origin, asked) == (origin, target)
