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
from google.adk.models import Gemini  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402

PROMPTS = json.loads(sys.argv[1])


def get_weather(location: str) -> dict:
    """Gets weather for a location."""
    return {"weather": "rain"}


async def chat(*ways, stream=False, tools=()):
    """What each turn of one session told: ids and texts of the answers."""
    model = Gemini(model="gemini-2.5-flash", use_interactions_api=True)
    runner = InMemoryRunner(agent=Agent(name="guide", model=model, tools=list(tools)), app_name="matrix")
    session = await runner.session_service.create_session(app_name="matrix", user_id="one")
    config = RunConfig(streaming_mode=StreamingMode.SSE if stream else StreamingMode.NONE)
    told = []
    for way in ways:
        message = types.Content(role="user", parts=[types.Part(text=PROMPTS[way])])
        asked = runner.run_async(user_id="one", session_id=session.id, new_message=message, run_config=config)
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
        told += answers.values()
        if error:
            told.append({"text": "".join(pieces), "error": error})
    return told


async def main():
    ways = {
        "plain": lambda: chat("plain"),
        "stream": lambda: chat("stream", stream=True),
        "two turns": lambda: chat("two turns", "second turn"),
        "tool loop": lambda: chat("tool loop", tools=[get_weather]),
        "400": lambda: chat("400"),
        "429": lambda: chat("429"),
        "cut": lambda: chat("cut", stream=True),
    }
    for way, function in ways.items():
        try:
            print(json.dumps({"way": way, "told": await function()}), flush=True)
        except Exception as error:
            print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)


asyncio.run(main())
