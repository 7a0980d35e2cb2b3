"""Every way of calling the API without an SDK: `python plain_http.py curl|httpx|aiohttp PROMPTS`.

A line of JSON for each way: what the answers said.
"""

import asyncio
import json
import os
import subprocess
import sys
import time

CLIENT = sys.argv[1]
PROMPTS = json.loads(sys.argv[2])
BASE = f"{os.environ['GOOGLE_GEMINI_BASE_URL']}/v1beta/interactions"
HEADERS = {"x-goog-api-key": os.environ["GEMINI_API_KEY"], "content-type": "application/json"}
MODEL, AGENT = "gemini-2.5-flash", "deep-research-pro-preview-12-2025"


def by_curl(method, url, body):
    command = ["curl", "--silent", "--no-buffer", "--noproxy", "*", "-X", method, "-w", "\n%{http_code}", url]
    for name, value in HEADERS.items():
        command += ["-H", f"{name}: {value}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    answer, _, status = done.stdout.rpartition(b"\n")
    return int(status), answer, f"curl exits with {done.returncode}" if done.returncode else None


def by_httpx(method, url, body):
    import httpx

    pieces, status = [], None
    try:
        with httpx.stream(method, url, content=body, headers=HEADERS, timeout=60) as response:
            status = response.status_code
            pieces += response.iter_bytes()
    except httpx.HTTPError as error:
        return status, b"".join(pieces), type(error).__name__
    return status, b"".join(pieces), None


def by_aiohttp(method, url, body):
    import aiohttp

    async def ask():
        pieces, status = [], None
        try:
            async with aiohttp.request(method, url, data=body, headers=HEADERS) as response:
                status = response.status
                while piece := await response.content.readany():
                    pieces.append(piece)
        except aiohttp.ClientError as error:
            return status, b"".join(pieces), type(error).__name__
        return status, b"".join(pieces), None

    return asyncio.run(ask())


SEND = {"curl": by_curl, "httpx": by_httpx, "aiohttp": by_aiohttp}[CLIENT]


def ask(method="POST", path="", **request):
    body = json.dumps(request).encode() if request else b"" if method == "POST" else None
    return SEND(method, BASE + path, body)


def create(way, **request):
    named = {} if "agent" in request else {"model": MODEL}
    return json.loads(ask(**named, **{"input": PROMPTS[way]} | request)[1])


def told(body):
    pieces = [
        content.get("text", "")
        for step in body.get("steps", [])
        if step["type"] == "model_output"
        for content in step["content"]
    ]
    return {"id": body["id"], "status": body["status"], "text": "".join(pieces)}


def payloads(answer):
    lines = [line[6:] for line in answer.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def streamed(events):
    last = [event["interaction"] for event in events if "interaction" in event][-1]
    deltas = [event["delta"] for event in events if event["event_type"] == "step.delta"]
    text = "".join(delta["text"] for delta in deltas if delta["type"] == "text")
    return {"id": last["id"], "status": last["status"], "text": text, "events": len(events)}


def plain():
    return [told(create("plain"))]


def stream():
    return [streamed(payloads(ask(model=MODEL, input=PROMPTS["stream"], stream=True)[1]))]


def two_turns():
    first = create("two turns")
    return [told(first), told(create("second turn", previous_interaction_id=first["id"]))]


def fork():
    root = create("fork")
    return [told(root), *(told(create(name, previous_interaction_id=root["id"])) for name in ("left", "right"))]


def tool_loop():
    asked = create("tool loop", tools=[PROMPTS["tool"]])
    (call,) = [step for step in asked["steps"] if step["type"] == "function_call"]
    result = {"type": "function_result", "call_id": call["id"], "name": call["name"], "result": {"weather": "rain"}}
    link = {"previous_interaction_id": asked["id"]}
    return [told(asked), told(create("tool loop", input=[result], tools=[PROMPTS["tool"]], **link))]


def background():
    job, polls = create("background", agent=AGENT, background=True), 0
    while job["status"] == "in_progress":
        time.sleep(0.05)
        job = json.loads(ask("GET", f"/{job['id']}")[1])
        polls += 1
    return [{**told(job), "polls": polls}]


def get():
    made = create("get")
    return [{**told(made), "again": told(json.loads(ask("GET", f"/{made['id']}?include_input=true")[1]))}]


def cancel():
    job = create("cancel", agent=AGENT, background=True)
    return [told(json.loads(ask("POST", f"/{job['id']}/cancel")[1]))]


def delete():
    made = create("delete")
    ask("DELETE", f"/{made['id']}")
    return [{**told(made), "then": ask("GET", f"/{made['id']}")[0]}]


def resume():
    # What a client knows that lost the rest of a stream.
    seen = payloads(ask(model=MODEL, input=PROMPTS["resume"], stream=True)[1])[:5]
    made, last = seen[0]["interaction"]["id"], seen[-1]["event_id"]
    return [streamed([*seen, *payloads(ask("GET", f"/{made}?stream=true&last_event_id={last}")[1])])]


def refused(way, **request):
    status, answer, _ = ask(model=MODEL, input=PROMPTS[way], **request)
    return [{"http_status": status, "error": json.loads(answer)["error"]["code"]}]


def again():
    statuses = [ask(model=MODEL, input=PROMPTS["429"])[0] for _ in range(2)]
    return [{**told(create("429")), "before": statuses}]


def cut():
    _, answer, error = ask(model=MODEL, input=PROMPTS["cut"], stream=True)
    return [{**streamed(payloads(answer)), "error": error}]


WAYS = {
    "plain": plain, "stream": stream, "two turns": two_turns, "fork": fork, "tool loop": tool_loop,
    "background": background, "get": get, "cancel": cancel, "delete": delete, "resume": resume,
    "400": lambda: refused("400"), "404": lambda: refused("404", previous_interaction_id="v1_nobody"),
    "429": again, "cut": cut,
}  # fmt: skip
for way, function in WAYS.items():
    try:
        print(json.dumps({"way": way, "told": function()}), flush=True)
    except Exception as error:
        print(json.dumps({"way": way, "failed": f"{type(error).__name__}: {error}"}), flush=True)
