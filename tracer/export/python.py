"""A call as a program for google-genai that runs as it is: for 2 or newer, or for 1 if that is what spoke."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from tracer.wire import routes
from tracer.wire.exchange import Exchange

WIDTH = 100
_NOT_JSON = "# The recorded request body is no JSON object, so no program can be made of it.\n"
_WHOLE = """
print(interaction.status)
print(interaction.output_text)
for step in interaction.steps or []:
    if step.type == "function_call":
        print(f"{step.name}({step.arguments})")
"""
_WHOLE_1 = """
print(interaction.status)
for output in interaction.outputs or []:
    if output.type == "text":
        print(output.text)
    elif output.type == "function_call":
        print(f"{output.name}({output.arguments})")
"""
_FOR_1 = "# The answer was in the words of google-genai 1: pip install 'google-genai<2'\n"
_STREAM = """
for event in stream:
    delta = getattr(event, "delta", None)
    if getattr(delta, "type", None) == "text":
        print(delta.text, end="", flush=True)
print()
"""


def python(exchange: Exchange, record: Mapping[str, Any] | None = None) -> str:
    """A program that makes the same call again; the key is read from GEMINI_API_KEY, as the SDK does. The record of it
    tells which generation of the SDK it is for."""
    try:
        body = json.loads(exchange.request_body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return _NOT_JSON
    stream = bool(body.get("stream"))
    name = "stream" if stream else "interaction"
    lines = ["from google import genai", "", f"client = genai.Client({_client(exchange)})", ""]
    lines.append(f"{name} = client.interactions.create(")
    old = record is not None and _is_old(record)
    odd = {
        key: value
        for key, value in body.items()
        if not key.isidentifier() or key in _TAKEN or (old and key not in _PARAMETERS_1)
    }
    lines += [_argument(key, value) for key, value in body.items() if key not in odd]
    if odd:
        lines.append(_argument("extra_body", odd))
    program = "\n".join([*lines, ")"]) + "\n" + (_STREAM if stream else _WHOLE_1 if old else _WHOLE)
    return _FOR_1 + program if old else program


def _is_old(record: Mapping[str, Any]) -> bool:
    client = record["client"]
    if client["name"] == "google-genai-sdk" and client["version"]:
        return str(client["version"]).startswith("1.")
    return record["dialect"] in ("outputs", "guide")


_TAKEN = frozenset({"request", "api_version", "extra_headers", "extra_query", "extra_body", "timeout"})
"""Parameters of `create` that are not the request's."""
_PARAMETERS_1 = frozenset(
    {
        "agent", "agent_config", "background", "generation_config", "input", "model", "previous_interaction_id",
        "response_format", "response_mime_type", "response_modalities", "service_tier", "store", "stream",
        "system_instruction", "tools", "webhook_config",
    }
)  # fmt: skip
"""Those of google-genai 1 that are; it takes no others."""


def _client(exchange: Exchange) -> str:
    route = routes.match(exchange.method, exchange.path, exchange.query)
    if route is None:
        return ""
    version = f"http_options={{'api_version': {route.version!r}}}"
    if route.service == "vertex":
        return f"vertexai=True, project={route.cloud_project!r}, location={route.location!r}, {version}"
    return version


def _argument(name: str, value: Any) -> str:
    lead = " " * 4
    text = pformat(value, width=WIDTH - len(lead), sort_dicts=False, indent=1)
    return f"{lead}{name}=" + text.replace("\n", "\n" + " " * (len(lead) + len(name) + 1)) + ","
