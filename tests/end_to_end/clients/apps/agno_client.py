"""The ways of calling the API that agno has: a line of JSON each, saying what its agent told the app.

`python agno_client.py PROMPTS`, prompts by way as JSON.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
from agno.agent import Agent  # noqa: E402
from agno.db.in_memory import InMemoryDb  # noqa: E402
from agno.models.google import GeminiInteractions  # noqa: E402
from agno.models.message import Message  # noqa: E402
from google import genai  # noqa: E402

PROMPTS = json.loads(sys.argv[1])
AGENT = "deep-research-pro-preview-12-2025"
os.environ["AGNO_TELEMETRY"] = "false"


def get_weather(location: str) -> str:
    """Gets weather for a location."""
    return "rain"


def agent(**more):
    model = GeminiInteractions(id="gemini-2.5-flash", client=genai.Client(), **more.pop("model", {}))
    return Agent(model=model, telemetry=False, **more)


def chat():
    return agent(db=InMemoryDb(), session_id="one", add_history_to_context=True)


def told(run):
    return {"text": run.content or "", "status": str(getattr(run.status, "value", run.status)).lower()}


def streamed(way, **model):
    texts, error = [], None
    for event in agent(model=model).run(PROMPTS[way], stream=True):
        if event.event == "RunContent":
            texts.append(event.content or "")
        elif event.event == "RunError":
            error = event.error_type or "error"
    return [{"text": "".join(texts), **({"error": error} if error else {})}]


def two_turns():
    one = chat()
    return [told(one.run(PROMPTS[name])) for name in ("two turns", "second turn")]


def fork():
    root = agent().run(PROMPTS["fork"])
    said = [message for message in root.messages if message.role != "system"]
    branches = [agent().run([*said, Message(role="user", content=PROMPTS[name])]) for name in ("left", "right")]
    return [told(root), *map(told, branches)]


def orphan():
    lost = Message(role="assistant", content="Hello.", provider_data={"interaction_id": "v1_nobody"})
    run = agent().run([lost, Message(role="user", content=PROMPTS["404"])])
    return [{"error": told(run)["status"]}]


RESEARCH = {"agent": AGENT, "agent_poll_interval": 0.05}


def refused(way):
    run = agent().run(PROMPTS[way])
    return [{"error": told(run)["status"]}]


WAYS = {
    "plain": lambda: [told(agent().run(PROMPTS["plain"]))],
    "stream": lambda: streamed("stream"),
    "two turns": two_turns,
    "fork": fork,
    "tool loop": lambda: [told(agent(tools=[get_weather]).run(PROMPTS["tool loop"]))],
    "background": lambda: [told(agent(model=RESEARCH).run(PROMPTS["background"]))],
    "resume": lambda: streamed("resume what ended", **RESEARCH),
    "400": lambda: refused("400"),
    "404": orphan,
    "429": lambda: [told(agent().run(PROMPTS["429"]))],
    "cut": lambda: streamed("cut"),
}
for way, function in WAYS.items():
    try:
        print(json.dumps({"way": way, "told": function()}), flush=True)
    except Exception as error:
        print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)
