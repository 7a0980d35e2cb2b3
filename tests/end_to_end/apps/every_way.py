"""An app that calls the API in every way the guide shows, with whichever google-genai it finds.

Prints one JSON object: for each way, what the SDK told the app (ids, statuses, texts, total tokens).
"""

import json
import time

from google import genai

MODEL = "gemini-2.5-flash"
WEATHER_TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Gets weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}

client = genai.Client()


def parts(interaction):
    return getattr(interaction, "steps", None) or getattr(interaction, "outputs", None) or []


def text(interaction):
    pieces = []
    for part in parts(interaction):
        if part.type == "text":
            pieces.append(part.text)
        elif part.type == "model_output":
            pieces += [content.text for content in part.content or [] if content.type == "text"]
    return "".join(pieces)


def told(interaction):
    usage = getattr(interaction, "usage", None)
    return {
        "id": interaction.id,
        "status": interaction.status,
        "text": text(interaction),
        "total_tokens": usage.total_tokens if usage else None,
    }


def plain():
    return [told(client.interactions.create(model=MODEL, input="Hello there!"))]


def stream():
    seen, pieces, ended = [], [], None
    for event in client.interactions.create(model=MODEL, input="Tell me about the sea.", stream=True):
        seen.append(event.event_type)
        delta = getattr(event, "delta", None)
        if getattr(delta, "type", None) == "text":
            pieces.append(delta.text)
        if event.event_type in ("interaction.complete", "interaction.completed"):
            ended = event.interaction
    usage = ended.usage.total_tokens
    return [{"id": ended.id, "status": ended.status, "text": "".join(pieces), "total_tokens": usage, "events": seen}]


def chain():
    first = client.interactions.create(model=MODEL, input="My name is Alice.")
    second = client.interactions.create(model=MODEL, input="What's my name?", previous_interaction_id=first.id)
    return [told(first), told(second)]


def tools():
    turns = [client.interactions.create(model=MODEL, input="What is the weather in Paris?", tools=[WEATHER_TOOL])]
    (call,) = [part for part in parts(turns[0]) if part.type == "function_call"]
    result = {
        "type": "function_result",
        "call_id": call.id,
        "name": call.name,
        "result": {"location": call.arguments["location"], "weather": "rain"},
    }
    turns.append(
        client.interactions.create(
            model=MODEL, input=[result], tools=[WEATHER_TOOL], previous_interaction_id=turns[0].id
        )
    )
    return [told(turn) for turn in turns]


def background():
    job = client.interactions.create(
        agent="deep-research-pro-preview-12-2025", input="Research quantum computing.", background=True
    )
    polls = 0
    while job.status == "in_progress" and polls < 50:
        time.sleep(0.05)
        job = client.interactions.get(job.id)
        polls += 1
    return [{**told(job), "polls": polls}]


print(json.dumps({way.__name__: way() for way in (plain, stream, chain, tools, background)}))
