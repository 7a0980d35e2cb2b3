"""Every way of calling the API with google-genai, sync or async: a line of JSON each, saying what the SDK told the app.

`python python_sdk.py sync|async PROMPTS`, prompts by way as JSON. Works with 1.55.0 and later.
"""

import asyncio
import inspect
import json
import sys
import warnings

from google import genai

warnings.simplefilter("ignore")
SYNC = sys.argv[1] == "sync"
PROMPTS = json.loads(sys.argv[2])
MODEL, AGENT = "gemini-2.5-flash", "deep-research-pro-preview-12-2025"
TOOLS = [PROMPTS["tool"]]
client = genai.Client()
api = client.interactions if SYNC else client.aio.interactions


async def done(value):
    return await value if inspect.isawaitable(value) else value


async def create(way, **request):
    return await done(api.create(**({"model": MODEL, "input": PROMPTS[way]} | request)))


async def events(stream):
    """The events of a stream, sync or async."""
    if hasattr(stream, "__aiter__"):
        async for event in stream:
            yield event
    else:
        for event in stream:
            yield event


def parts(interaction):
    return getattr(interaction, "steps", None) or getattr(interaction, "outputs", None) or []


def told(interaction):
    pieces = []
    for part in parts(interaction):
        if part.type == "text":
            pieces.append(part.text)
        elif part.type == "model_output":
            pieces += [content.text for content in part.content or [] if content.type == "text"]
    return {"id": interaction.id, "status": interaction.status, "text": "".join(pieces)}


class Stream:
    """What a stream told."""

    def __init__(self):
        self.count, self.pieces, self.id, self.status, self.last = 0, [], None, None, None

    def take(self, event):
        self.count += 1
        self.last = getattr(event, "event_id", None)
        interaction = getattr(event, "interaction", None)
        self.id, self.status = getattr(interaction, "id", self.id), getattr(interaction, "status", self.status)
        step = getattr(event, "step", None) or getattr(event, "content", None)
        for content in getattr(step, "content", None) or []:
            self.pieces.append(getattr(content, "text", None) or "")
        delta = getattr(event, "delta", None)
        if getattr(delta, "type", None) == "text":
            self.pieces.append(delta.text)

    def told(self):
        return {"id": self.id, "status": self.status, "text": "".join(self.pieces), "events": self.count}


async def plain():
    return [told(await create("plain"))]


async def stream():
    seen = Stream()
    async for event in events(await create("stream", stream=True)):
        seen.take(event)
    return [seen.told()]


async def two_turns():
    first = await create("two turns")
    return [told(first), told(await create("second turn", previous_interaction_id=first.id))]


async def fork():
    root = await create("fork")
    branches = [await create(branch, previous_interaction_id=root.id) for branch in ("left", "right")]
    return [told(root), *map(told, branches)]


async def tool_loop():
    asked = await create("tool loop", tools=TOOLS)
    (call,) = [part for part in parts(asked) if part.type == "function_call"]
    result = {"type": "function_result", "call_id": call.id, "name": call.name, "result": {"weather": "rain"}}
    answered = await create("tool loop", input=[result], tools=TOOLS, previous_interaction_id=asked.id)
    return [told(asked), told(answered)]


async def background():
    job = await done(api.create(agent=AGENT, input=PROMPTS["background"], background=True))
    polls = 0
    while job.status == "in_progress":
        await asyncio.sleep(0.05)
        job = await done(api.get(job.id))
        polls += 1
    return [{**told(job), "polls": polls}]


async def get():
    made = await create("get")
    again = await done(api.get(made.id))
    return [{**told(made), "again": told(again)}]


async def cancel():
    job = await done(api.create(agent=AGENT, input=PROMPTS["cancel"], background=True))
    return [told(await done(api.cancel(job.id)))]


async def delete():
    made = await create("delete")
    await done(api.delete(made.id))
    try:
        await done(api.get(made.id))
    except Exception as error:
        return [{**told(made), "then": type(error).__name__}]


async def resume():
    seen = Stream()
    broken = await create("resume", stream=True)
    async for event in events(broken):
        seen.take(event)
        if seen.count == 5:
            break
    await done(broken.close())
    async for event in events(await done(api.get(seen.id, stream=True, last_event_id=seen.last))):
        seen.take(event)
    return [seen.told()]


async def refused(way, **request):
    try:
        await create(way, **request)
    except Exception as error:
        return [{"error": type(error).__name__, "http_status": error.status_code}]


async def again():
    return [told(await create("429"))]


async def cut():
    seen = Stream()
    try:
        async for event in events(await create("cut", stream=True)):
            seen.take(event)
    except Exception as error:
        return [{**seen.told(), "error": type(error).__name__}]
    return [seen.told()]


async def main():
    ways = {
        "plain": plain, "stream": stream, "two turns": two_turns, "fork": fork, "tool loop": tool_loop,
        "background": background, "get": get, "cancel": cancel, "delete": delete, "resume": resume,
        "400": lambda: refused("400"), "404": lambda: refused("404", previous_interaction_id="v1_nobody"),
        "429": again, "cut": cut,
    }  # fmt: skip
    for way, function in ways.items():
        try:
            print(json.dumps({"way": way, "told": await function()}), flush=True)
        except Exception as error:
            print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)


asyncio.run(main())
