from __future__ import annotations

import pytest

from tracer.serve.hosts import Hosts, Place

GEMINI, VERTEX = "https://generativelanguage.googleapis.com", "https://aiplatform.googleapis.com"
ENVIRONMENT = {
    "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:4000/gate/",
    "GOOGLE_VERTEX_BASE_URL": "https://vertex.example",
}
PATH = "/v1/interactions"


@pytest.mark.parametrize(
    ("scheme", "host", "port", "path", "place"),
    [
        ("https", "generativelanguage.googleapis.com", None, PATH, Place(GEMINI, PATH)),
        (
            "https",
            "US-Central1-aiplatform.googleapis.com",
            443,
            PATH,
            Place("https://us-central1-aiplatform.googleapis.com", PATH),
        ),
        ("http", "127.0.0.1", 4000, f"/gate{PATH}", Place(GEMINI, PATH)),
        ("http", "127.0.0.1", 4000, "/gateway/x", Place(GEMINI, "/gateway/x")),
        ("http", "127.0.0.1", 4001, PATH, None),
        ("https", "vertex.example", None, PATH, Place(VERTEX, PATH)),
        ("http", "vertex.example", None, PATH, None),
        ("https", "named.example", 8443, PATH, Place(GEMINI, PATH)),
        ("https", "port.example", 8443, PATH, Place(GEMINI, PATH)),
        ("https", "port.example", None, PATH, None),
        ("https", "oauth2.googleapis.com", None, "/token", None),
    ],
)
def test_hosts_are_told_apart(scheme: str, host: str, port: int | None, path: str, place: Place | None) -> None:
    hosts = Hosts(["Named.example", "port.example:8443"], ENVIRONMENT)
    assert hosts.locate(scheme, host, port, path) == place


def test_variables_are_read_at_every_request() -> None:
    environment: dict[str, str] = {}
    hosts = Hosts(environ=environment)
    assert hosts.locate("http", "127.0.0.1", 4000, PATH) is None
    environment.update(ENVIRONMENT)
    assert hosts.locate("http", "127.0.0.1", 4000, PATH) == Place(GEMINI, PATH)
