"""Run by an SDK's own interpreter against a scripted emulator: what does the SDK make of each step? Prints JSON."""

import json
import sys

from google import genai

LEGACY = genai.__version__.startswith("1.")
client = genai.Client(api_key="test-key")
interactions = client.interactions


def parts(interaction):
    return (interaction.outputs if LEGACY else interaction.steps) or []


def status(text, **more):
    return interactions.create(model="gemini-2.5-flash", input=text, **more).status


def queued():
    job = interactions.create(model="gemini-2.5-flash", input="job", background=True)
    return [job.status, *(interactions.get(job.id).status for _ in range(3))]


def error(text):
    try:
        interactions.create(model="gemini-2.5-flash", input=text)
    except Exception as problem:
        return [type(problem).__name__, problem.status_code]


def agents():
    if not hasattr(client, "agents"):
        return None
    made = client.agents.create(id="mine", base_agent="antigravity-preview-05-2026")
    listed = [agent.id for agent in client.agents.list().agents]
    return [made.id, client.agents.get("mine").base_agent, "mine" in listed, len(listed)]


whole = interactions.create(model="gemini-2.5-flash", input="everything")
events = list(interactions.create(model="gemini-2.5-flash", input="everything", stream=True))
started = [event for event in events if event.event_type in ("step.start", "content.start")]
result = {
    "types": [part.type for part in parts(whole)],
    "streamed": [(event.content if LEGACY else event.step).type for event in started],
    "text": "".join(
        event.delta.text for event in events if getattr(getattr(event, "delta", None), "type", "") == "text"
    ),
    "usage": whole.usage.total_tokens,
    "incomplete": status("incomplete"),
    "budget": status("budget"),
    "queued": queued(),
    "error": error("error"),
    "google": error("google"),
    "agents": agents(),
}
json.dump(result, sys.stdout)
