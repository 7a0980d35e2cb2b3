"""What a command is started with, and what is kept of its command line."""

from __future__ import annotations

from tracer.proxy.launch import child_environment, without_secrets

URL = "http://127.0.0.1:4711"


def test_every_base_url_leads_to_the_proxy() -> None:
    environ = {"PATH": "/bin", "GOOGLE_GEMINI_BASE_URL": "http://elsewhere"}
    assert child_environment(URL, environ) == {
        "PATH": "/bin",
        "GOOGLE_GEMINI_BASE_URL": URL,
        "GOOGLE_VERTEX_BASE_URL": f"{URL}/_vertex",
        "GEMINI_API_BASE": URL,
    }


def test_a_proxy_of_the_users_is_not_asked_for_ours() -> None:
    for name in ("HTTPS_PROXY", "http_proxy", "ALL_PROXY"):
        changed = child_environment(URL, {name: "http://corporate:3128", "no_proxy": "intranet"})
        assert changed["no_proxy"] == changed["NO_PROXY"] == "intranet,127.0.0.1"
    changed = child_environment(URL, {"https_proxy": "http://corporate:3128"})
    assert changed["no_proxy"] == changed["NO_PROXY"] == "127.0.0.1"


def test_keys_on_the_command_line_are_not_kept() -> None:
    environ = {"GEMINI_API_KEY": "my-own-key", "GOOGLE_API_KEY": "short"}
    command = ["app", "--key=my-own-key", "AIzaSyABCDEFGHIJKLMNOPQRSTUVWXYZ0123456", "--short"]
    assert without_secrets(command, environ) == ("app", "--key=[redacted]", "[redacted]", "--short")
