"""The ways of calling the API that google-adk has: a line of JSON each, saying what its runner told the app.

`python adk_client.py PROMPTS`, prompts by way as JSON.
"""

import asyncio
import json
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable()
from google.adk.agents import Agent  # noqa: E402
from google.adk.agents.run_config import RunConfig, StreamingMode  # noqa: E402
from google.adk.events import Event  # noqa: E402
from google.adk.models import Gemini  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402

PROMPTS = json.loads(sys.argv[1])


def get_weather(location: str) -> dict:
    """Gets weather for a location."""
    return {"weather": "rain"}


class Chat:
    """A session of an agent; a branch of another one begins with the events of that."""

    def __init__(self, *, stream=False, tools=(), tier=None):
        model = Gemini(model="gemini-2.5-flash", use_interactions_api=True)
        self.runner = InMemoryRunner(agent=Agent(name="guide", model=model, tools=list(tools)), app_name="matrix")
        self.config = RunConfig(streaming_mode=StreamingMode.SSE if stream else StreamingMode.NONE, service_tier=tier)
        self.session = None

    async def open(self, earlier=()):
        sessions = self.runner.session_service
        self.session = await sessions.create_session(app_name="matrix", user_id="one")
        for event in earlier:
            await sessions.append_event(self.session, event)
        return self

    async def branch(self):
        whole = await self.runner.session_service.get_session(
            app_name="matrix", user_id="one", session_id=self.session.id
        )
        return await Chat().open(whole.events)

    async def say(self, way):
        """What a turn told: ids and texts of the answers."""
        message = types.Content(role="user", parts=[types.Part(text=PROMPTS[way])])
        asked = self.runner.run_async(
            user_id="one", session_id=self.session.id, new_message=message, run_config=self.config
        )
        answers, pieces, error = {}, [], None
        try:
            async for event in asked:
                if event.error_code:
                    error = str(event.error_code)
                if event.content and not event.get_function_responses():
                    text = "".join(part.text or "" for part in event.content.parts or [] if not part.thought)
                    if event.partial:
                        pieces.append(text)
                    else:
                        answers[event.interaction_id] = {"id": event.interaction_id, "text": text}
        except Exception as raised:
            error = type(raised).__name__
        return [*answers.values(), *([{"text": "".join(pieces), "error": error}] if error else [])]


async def chat(*ways, **settings):
    one = await Chat(**settings).open()
    return [told for way in ways for told in await one.say(way)]


async def fork():
    root = await Chat().open()
    told = await root.say("fork")
    branches = [await root.branch() for _ in range(2)]
    return [*told, *await branches[0].say("left"), *await branches[1].say("right")]


async def orphan():
    lost = Event(author="guide", interaction_id="v1_nobody", content=types.ModelContent("Hello."))
    return await (await Chat().open([lost])).say("404")


async def main():
    ways = {
        "plain": lambda: chat("plain"),
        "stream": lambda: chat("stream", stream=True),
        "two turns": lambda: chat("two turns", "second turn"),
        "fork": fork,
        "tool loop": lambda: chat("tool loop", tools=[get_weather]),
        # Polled after 5, 10 and 20 seconds.
        "background": lambda: chat("background", tier="deferred"),
        "400": lambda: chat("400"),
        "404": orphan,
        "429": lambda: chat("429"),
        "cut": lambda: chat("cut", stream=True),
    }
    for way, function in ways.items():
        try:
            print(json.dumps({"way": way, "told": await function()}), flush=True)
        except Exception as error:
            print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)


asyncio.run(main())
