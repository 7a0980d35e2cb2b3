"""Run by an SDK's own interpreter against the emulator: what does the SDK make of each answer? Prints JSON."""

import asyncio
import base64
import json
import sys
import tempfile
import time

from google import genai

LEGACY = genai.__version__.startswith("1.")
MODEL = {"model": "gemini-2.5-flash"}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Gets weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
SCHEMA = {
    "type": "object",
    "properties": {"sentiment": {"type": "string", "enum": ["positive", "negative"]}, "rating": {"type": "integer"}},
    "required": ["sentiment", "rating"],
}

client = genai.Client(api_key="test-key")
interactions = client.interactions


def parts(interaction):
    return (interaction.outputs if LEGACY else interaction.steps) or []


def contents(interaction):
    if LEGACY:
        return parts(interaction)
    return [part for step in parts(interaction) if step.type == "model_output" for part in step.content]


def text(interaction):
    return "".join(part.text for part in contents(interaction) if part.type == "text")


def said(events):
    deltas = [event.delta for event in events if getattr(event, "delta", None) is not None]
    return {
        "types": [event.event_type for event in events],
        "text": "".join(delta.text for delta in deltas if delta.type == "text"),
        "ids": all(event.event_id for event in events),
    }


def plain():
    answer = interactions.create(**MODEL, input="My name is Alice")
    return {"id": answer.id, "status": answer.status, "text": text(answer), "tokens": answer.usage.total_tokens}


def chain():
    first = interactions.create(**MODEL, input="My name is Alice")
    second = interactions.create(**MODEL, input="What's my name?", previous_interaction_id=first.id)
    return text(second)


def stream():
    events = list(interactions.create(**MODEL, input="Tell me about the sea", stream=True))
    whole = interactions.get(events[0].interaction.id)
    resumed = list(interactions.get(whole.id, stream=True, last_event_id=events[5].event_id))
    return {**said(events), "whole": text(whole), "resumed": said(resumed)["types"]}


def tools():
    asked = interactions.create(**MODEL, input="Weather in Paris?", tools=[WEATHER])
    (call,) = [part for part in parts(asked) if part.type == "function_call"]
    result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": {"temp": 20}}
    answer = interactions.create(**MODEL, input=[result], previous_interaction_id=asked.id, tools=[WEATHER])
    return {"status": asked.status, "arguments": call.arguments, "text": text(answer)}


def background():
    job = interactions.create(agent="deep-research-pro-preview-12-2025", input="Research AI", background=True)
    statuses = [job.status]
    while statuses[-1] == "in_progress" and len(statuses) < 10:
        job = interactions.get(job.id)
        statuses.append(job.status)
    failed = interactions.create(agent="a", input="Research AI. please fail the job", background=True)
    for _ in range(3):
        failed = interactions.get(failed.id)
    job_stream = interactions.create(agent="a", input="Research AI", background=True)
    events = list(interactions.get(job_stream.id, stream=True))
    return {
        "statuses": statuses,
        "text": text(job),
        "failed": failed.status,
        "streamed": said(events)["text"],
    }


def cancel_and_delete():
    job = interactions.create(agent="a", input="Research AI", background=True)
    cancelled = interactions.cancel(job.id)
    interactions.delete(job.id)
    return {"cancelled": cancelled.status, "gone": failure(lambda: interactions.get(job.id))}


def include_input():
    answer = interactions.create(**MODEL, input="Hi")
    got = interactions.get(answer.id, include_input=True)
    given = got.input[0]
    content = given["content"] if isinstance(given, dict) else given.content
    return content[0]["text"] if isinstance(content[0], dict) else content[0].text


def structured():
    form = {"response_format": {"type": "text", "mime_type": "application/json", "schema": SCHEMA}}
    if LEGACY:
        form = {"response_format": SCHEMA, "response_mime_type": "application/json"}
    return json.loads(text(interactions.create(**MODEL, input="Review: great, 5 of 5", **form)))


def media():
    picture = {"type": "image", "data": base64.b64encode(b"12345").decode(), "mime_type": "image/png"}
    answer = interactions.create(**MODEL, input=[{"type": "text", "text": "What is it?"}, picture])
    drawn = interactions.create(**MODEL, input="Draw the sea", response_modalities=["image"])
    image = next(part for part in contents(drawn) if part.type == "image")
    data = image.data if isinstance(image.data, bytes) else image.data.encode()
    return {"text": text(answer), "png": data.startswith((b"iVBORw0KGgo", b"\x89PNG"))}


def server_tools():
    searched = interactions.create(**MODEL, input="Who won?", tools=[{"type": "google_search"}])
    ran = interactions.create(**MODEL, input="The 10th Fibonacci number", tools=[{"type": "code_execution"}])
    return {"search": [part.type for part in parts(searched)], "code": text(ran)}


def computer_use():
    screen = [{"type": "image", "data": base64.b64encode(b"12345").decode(), "mime_type": "image/png"}]
    tools, actions = [{"type": "computer_use", "environment": "browser"}], []
    turn = interactions.create(model="gemini-3.5-flash", input="Search for 'tiles'", tools=tools)
    while turn.status == "requires_action":
        (call,) = [part for part in parts(turn) if part.type == "function_call"]
        actions.append([call.name, sorted(call.arguments)])
        result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": screen}
        link = {"previous_interaction_id": turn.id}
        turn = interactions.create(model="gemini-3.5-flash", input=[result], tools=tools, **link)
    return {"actions": actions, "status": turn.status}


def tool_search():
    tools = [{"type": "tool_search"}, {**WEATHER, "defer_loading": True}]
    asked = {"model": "gemini-3.5-flash", "input": "Weather in Paris?", "tools": tools}
    whole = interactions.create(**asked)
    events = list(interactions.create(**asked, stream=True))
    streamed = [event.step.type for event in events if event.event_type == "step.start"]
    search, found, call = parts(whole)[1:]
    functions = [search.arguments.function_names, [function.name for function in found.result], [call.name]]
    return {"steps": [part.type for part in parts(whole)], "streamed": streamed, "functions": functions}


def failure(call):
    try:
        return f"no error: {call()!r}"
    except Exception as error:
        return [type(error).__name__, getattr(error, "status_code", None)]


def errors():
    def tool(kind):
        return lambda: interactions.create(**MODEL, input="Hi", tools=[{"type": kind}])

    def broken():
        return list(interactions.create(**MODEL, input="Tell me. please break the stream", stream=True))

    failed = list(interactions.create(**MODEL, input="Tell me. please send an error in the stream", stream=True))
    refused = list(interactions.create(**MODEL, input="please refuse", stream=True))
    started = time.monotonic()
    recovered = interactions.create(**MODEL, input="Hi there, please fail with 429 once")
    return {
        "bad_request": failure(lambda: interactions.create(**MODEL, input="please fail with 400")),
        "not_found": failure(lambda: interactions.get("v1_nothing")),
        "no_parent": failure(lambda: interactions.create(**MODEL, input="x", previous_interaction_id="v1_nothing")),
        "tool": failure(tool("nonsense")),
        "cut": failure(broken),
        "error_event": failed[-1].event_type,
        "refused": [event.event_type for event in refused],
        "recovered": [recovered.status, time.monotonic() - started > 0.2],
    }


def continuation():
    answer = interactions.create(**MODEL, input="Explain the sea, please need a continuation")
    return {"status": answer.status, "text": text(answer)}


def files():
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(b"hello")
        file.flush()
        uploaded = client.files.upload(file=file.name)
    answer = interactions.create(
        **MODEL, input=[{"type": "document", "uri": uploaded.uri, "mime_type": uploaded.mime_type}]
    )
    same = client.files.get(name=uploaded.name)
    client.files.delete(name=uploaded.name)
    return {"size": same.size_bytes, "named": uploaded.uri in text(answer)}


def asynchronous():
    async def ask():
        stream = await client.aio.interactions.create(**MODEL, input="Tell me about the sea", stream=True)
        events = [event async for event in stream]
        job = await client.aio.interactions.create(agent="a", input="Research", background=True)
        return {**said(events), "cancelled": (await client.aio.interactions.cancel(job.id)).status}

    return asyncio.run(ask())


WAYS = [plain, chain, stream, tools, background, cancel_and_delete, include_input, structured, media, server_tools]
WAYS += [computer_use, errors, files, asynchronous] + ([] if LEGACY else [continuation])
WAYS += [tool_search] if genai.__version__.startswith("3.") else []
json.dump({way.__name__: way() for way in WAYS}, sys.stdout)
