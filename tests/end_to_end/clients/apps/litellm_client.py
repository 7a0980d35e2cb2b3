"""Every way of calling the API with litellm.interactions: a line of JSON each, saying what litellm told the app.

`python litellm_client.py PROMPTS`, prompts by way as JSON.
"""

import json
import os
import sys
import time
import warnings

warnings.simplefilter("ignore")
import litellm  # noqa: E402

litellm.suppress_debug_info = True
PROMPTS = json.loads(sys.argv[1])
API = {"api_base": os.environ["GOOGLE_GEMINI_BASE_URL"], "api_key": os.environ["GEMINI_API_KEY"]}
MODEL, AGENT = "gemini/gemini-2.5-flash", "deep-research-pro-preview-12-2025"
api = litellm.interactions


def create(way, **request):
    named = {} if "agent" in request else {"model": MODEL}
    return api.create(**named, **{"input": PROMPTS[way]} | request, **API)


def job(way):
    return create(way, agent=AGENT, background=True, custom_llm_provider="gemini")


def get(made):
    return api.get(interaction_id=made.id, custom_llm_provider="gemini", **API)


def plain_value(value):
    return value.model_dump() if hasattr(value, "model_dump") else value


def steps(interaction):
    return plain_value(interaction).get("steps") or []


def told(interaction):
    contents = [content for step in steps(interaction) if step["type"] == "model_output" for content in step["content"]]
    texts = [content["text"] for content in contents if content["type"] == "text"]
    return {"id": interaction.id, "status": interaction.status, "text": "".join(texts)}


def streamed(stream):
    seen, texts, error = {"id": None, "status": None}, [], None
    try:
        for event in map(plain_value, stream):
            delta = event.get("delta") or {}
            if delta.get("type") == "text":
                texts.append(delta["text"])
            interaction = event.get("interaction") or {}
            seen |= {name: interaction[name] for name in ("id", "status") if interaction.get(name)}
    except Exception as raised:
        error = {"error": type(raised).__name__}
    return {**seen, "text": "".join(texts), **(error or {})}


def two_turns():
    first = create("two turns")
    return [told(first), told(create("second turn", previous_interaction_id=first.id))]


def fork():
    root = create("fork")
    return [told(root), *(told(create(name, previous_interaction_id=root.id)) for name in ("left", "right"))]


def tool_loop():
    asked = create("tool loop", tools=[PROMPTS["tool"]])
    (call,) = [step for step in steps(asked) if step["type"] == "function_call"]
    result = {"type": "function_result", "call_id": call["id"], "name": call["name"], "result": {"weather": "rain"}}
    link = {"previous_interaction_id": asked.id}
    return [told(asked), told(create("tool loop", input=[result], tools=[PROMPTS["tool"]], **link))]


def background():
    now, polls = job("background"), 0
    while now.status == "in_progress":
        time.sleep(0.05)
        now = get(now)
        polls += 1
    return [{**told(now), "polls": polls}]


def got():
    made = create("get")
    return [{**told(made), "again": told(get(made))}]


def cancel():
    cancelled = plain_value(api.cancel(interaction_id=job("cancel").id, custom_llm_provider="gemini", **API))
    return [{"id": cancelled.get("id"), "status": cancelled["status"]}]


def delete():
    made = create("delete")
    api.delete(interaction_id=made.id, custom_llm_provider="gemini", **API)
    try:
        get(made)
    except Exception as error:
        return [{**told(made), "then": type(error).__name__}]


def refused(way, **request):
    try:
        create(way, **request)
    except Exception as error:
        return [{"error": type(error).__name__, "http_status": error.status_code}]


def again():
    for _ in range(2):
        try:
            create("429")
        except Exception as error:
            before = type(error).__name__
    return [{**told(create("429")), "before": before}]


WAYS = {
    "plain": lambda: [told(create("plain"))],
    "stream": lambda: [streamed(create("stream", stream=True))],
    "two turns": two_turns, "fork": fork, "tool loop": tool_loop, "background": background, "get": got,
    "cancel": cancel, "delete": delete, "400": lambda: refused("400"),
    "404": lambda: refused("404", previous_interaction_id="v1_nobody"), "429": again,
    "cut": lambda: [streamed(create("cut", stream=True))],
}  # fmt: skip
for way, function in WAYS.items():
    try:
        print(json.dumps({"way": way, "told": function()}), flush=True)
    except Exception as error:
        print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)
