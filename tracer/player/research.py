"""What an agent produces: thoughts that tell how far it is, searches, and a report that cites them."""

from __future__ import annotations

from urllib.parse import quote_plus

from tracer.events import JsonObject
from tracer.player.server_tools import cited
from tracer.player.turn import Turn

_STAGES = ("Planning the research", "Reading the sources", "Comparing what they say", "Writing the report")


def report(turn: Turn, prompt: str) -> list[JsonObject]:
    """Thoughts with a search between them, then the report. Summaries are left out only if they were refused."""
    topic = " ".join(prompt.split())[:120] or "the task"
    steps: list[JsonObject] = []
    for n, stage in enumerate(_STAGES):
        steps.append(_thought(turn, f"**{stage}**\n\nThis is about {topic}.\n"))
        if n == 0:
            steps += _search(turn, topic)
    slug = quote_plus(topic[:40])
    sentences = [
        (f"# Report: {topic}\n\n", None, ""),
        ("First, the sources agree on the main points.", f"https://example.com/{slug}/1", "First source"),
        ("Second, they differ in the details.", f"https://example.com/{slug}/2", "Second source"),
        ("Third, more work is needed.", None, ""),
    ]
    return [*steps, cited(sentences)]


def _thought(turn: Turn, summary: str) -> JsonObject:
    thought: JsonObject = {"type": "thought", "signature": turn.mint.signature()}
    config = turn.request.get("agent_config")
    if not isinstance(config, dict) or config.get("thinking_summaries") != "none":
        thought["summary"] = [{"type": "text", "text": summary}]
    return thought


def _search(turn: Turn, topic: str) -> list[JsonObject]:
    call_id = turn.mint.call_id()
    call = {"type": "google_search_call", "id": call_id, "arguments": {"queries": [topic]}}
    result = {"type": "google_search_result", "call_id": call_id, "result": [{"search_suggestions": topic}]}
    signed = [{**step, "signature": turn.mint.signature()} for step in (call, {**result, "is_error": False})]
    return list(signed)
