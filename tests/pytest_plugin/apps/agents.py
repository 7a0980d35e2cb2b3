"""Thirty small agent programs, each with an outcome that a replay has to repeat; copied beside a conftest and run."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from google import genai

pytestmark = pytest.mark.interactions
LEGACY = genai.__version__.startswith("1.")
MODEL = "gemini-3.5-flash"
AGENT = "deep-research-pro-preview-12-2025"
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
client = genai.Client()


def tool(name, *required):
    properties = {field: {"type": "string"} for field in required}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": f"Does {name}", "parameters": schema}


WEATHER, TIME = tool("get_weather", "location"), tool("get_time", "zone")


@pytest.fixture
def same(request):
    """Keeps the outcome when recording, compares it when replaying."""

    def same(value):
        place = Path(os.environ["SEEN"], f"{request.node.name}.json")
        outcome = json.loads(json.dumps(value, default=lambda model: model.model_dump(mode="json", exclude_none=True)))
        if "RECORDING" in os.environ:
            place.write_text(json.dumps(outcome))
        assert outcome == json.loads(place.read_text())

    return same


def create(text, **more):
    if "agent" not in more:
        more["model"] = MODEL
    return client.interactions.create(input=text, **more)


def parts(interaction):
    return (interaction.outputs if LEGACY else interaction.steps) or []


def calls(interaction):
    return [part for part in parts(interaction) if part.type == "function_call"]


def result(call, value):
    return {"type": "function_result", "call_id": call.id, "name": call.name, "result": value}


def loop(asked, tools):
    """Answers calls until there are none; every turn."""
    turns = [asked]
    while calls(turns[-1]):
        results = [result(call, {"value": f"{call.name} of {call.arguments}"}) for call in calls(turns[-1])]
        turns.append(create(results, tools=tools, previous_interaction_id=turns[-1].id))
    return turns


def until_done(job, pause=0.01):
    while job.status in ("queued", "in_progress"):
        time.sleep(pause)
        job = client.interactions.get(job.id)
    return job


def broken(events):
    """The events until the stream breaks, and how it did."""
    seen = []
    try:
        for event in events:
            seen.append(event)  # noqa: PERF402
    except Exception as error:
        return seen, type(error).__name__
    return seen, None


def test_plain(same):
    same(create("Hello there!"))


def test_same_prompt_thrice(same):
    same([create("Hello again!") for _ in range(3)])


def test_stream(same):
    same(list(create("Tell me about the sea.", stream=True)))


def test_stream_left_early(same):
    stream = create("Tell me about the hills.", stream=True)
    same([next(iter(stream)), create("Tell me about the valleys.")])


def test_stream_that_breaks(same):
    seen, how = broken(create("Tell me about the moon, please break the stream.", stream=True))
    assert how is not None
    same([seen, how])


def test_stream_cut_and_resumed(same):
    seen, how = broken(create("Tell me about the lake, please break the stream.", stream=True))
    whole = seen[0].interaction.id
    rest = list(client.interactions.get(whole, stream=True, last_event_id=seen[-1].event_id))
    assert how is not None
    assert rest
    same([seen, how, rest])


def test_stream_resumed(same):
    events = list(create("Tell me about the forest.", stream=True))
    whole = events[0].interaction.id
    same([events, list(client.interactions.get(whole, stream=True, last_event_id=events[3].event_id))])


def test_stream_resumed_twice_from_the_same_event(same):
    events = list(create("Tell me about the desert.", stream=True))
    again = [
        list(client.interactions.get(events[0].interaction.id, stream=True, last_event_id=events[2].event_id))
        for _ in range(2)
    ]
    assert again[0] == again[1]
    same(again)


def test_chain(same):
    first = create("My name is Alice.")
    second = create("What's my name?", previous_interaction_id=first.id)
    assert "Alice" in str(second)
    same([first, second])


def test_long_chain(same):
    turns = [create("My name is Bob.")]
    for n in range(5):
        turns.append(create(f"Question {n}: what's my name?", previous_interaction_id=turns[-1].id))
    same(turns)


def test_fork(same):
    root = create("My name is Carol.")
    left = create("What's my name?", previous_interaction_id=root.id)
    right = create("Say my name backwards.", previous_interaction_id=root.id)
    same([root, left, right, create("And again?", previous_interaction_id=left.id)])


def test_fork_asking_the_same_on_both_branches(same):
    one, two = create("My name is Dan."), create("My name is Eve.")
    same([create("What's my name?", previous_interaction_id=turn.id) for turn in (one, two, one)])


def test_tool_loop(same):
    same(loop(create("What is the weather in Paris?", tools=[WEATHER]), [WEATHER]))


def test_two_tools(same):
    tools = [WEATHER, TIME]
    same(loop(create("What are the weather in Rome and the time in Oslo?", tools=tools), tools))


def test_tool_stream(same):
    same(list(create("What is the weather in Lima?", tools=[WEATHER], stream=True)))


def test_server_tool(same):
    same(create("Search for the tower of Pisa.", tools=[{"type": "google_search"}]))


def test_background(same):
    same(until_done(create("Research the tower of Belém.", agent=AGENT, background=True)))


def test_two_jobs_at_once(same):
    jobs = [create(f"Research {what}.", agent=AGENT, background=True) for what in ("tea", "coffee")]
    same([until_done(job) for job in jobs])


def test_job_polled_more_often_than_recorded(same):
    job = create("Research bridges.", agent=AGENT, background=True)
    done = until_done(job)
    more = 1 if "RECORDING" in os.environ else 5
    same([done, *([client.interactions.get(job.id) for _ in range(more)][-1:])])


def test_cancelled(same):
    job = create("Research castles.", agent=AGENT, background=True)
    cancelled = client.interactions.cancel(job.id)
    same([cancelled.status, client.interactions.get(job.id).status])


def test_job_streamed(same):
    job = create("Research rivers.", agent=AGENT, background=True)
    same(list(client.interactions.get(job.id, stream=True)))


@pytest.mark.interactions(errors=True)
def test_deleted(same):
    made = create("Forget me.")
    client.interactions.delete(made.id)
    with pytest.raises(Exception) as gone:  # noqa: PT011
        client.interactions.get(made.id)
    same([made, type(gone.value).__name__])


def test_got_again(same):
    made = create("Hello once more!")
    same([client.interactions.get(made.id), client.interactions.get(made.id, include_input=True)])


def test_retried(same):
    same(create("Hello, please fail with 503 once."))


@pytest.mark.interactions(errors=True)
def test_refused(same):
    with pytest.raises(Exception) as refused:  # noqa: PT011
        create("Hello", previous_interaction_id="v1_nowhere")
    same(type(refused.value).__name__)


def test_not_stored(same):
    same(create("Keep nothing.", store=False))


def test_settings(same):
    same(create("Be brief.", system_instruction="You are terse.", generation_config={"temperature": 0.5, "seed": 7}))


def test_image(same):
    image = {"type": "image", "data": PIXEL, "mime_type": "image/png"}
    same(create([{"type": "text", "text": "What is this?"}, image]))


def test_files(same, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("Buy milk.")
    uploaded = client.files.upload(file=str(note), config={"mime_type": "text/plain"})
    document = {"type": "document", "uri": uploaded.uri, "mime_type": "text/plain"}
    answer = create([{"type": "text", "text": "What should I buy?"}, document])
    client.files.delete(name=uploaded.name)
    same([uploaded.name, answer])


def test_gather(same):
    async def ask():
        mine = genai.Client()  # of its own: connections belong to an event loop
        made = mine.aio.interactions
        prompts = [f"Tell me about number {n}." for n in range(5)]
        return await asyncio.gather(*(made.create(model=MODEL, input=prompt) for prompt in prompts))

    answers = asyncio.run(ask())
    same([[answer.id for answer in answers], answers])


def test_async_stream_and_chain(same):
    async def ask():
        mine = genai.Client()  # of its own: connections belong to an event loop
        made = mine.aio.interactions
        events = [event async for event in await made.create(model=MODEL, input="My name is Finn.", stream=True)]
        then = await made.create(model=MODEL, input="What's my name?", previous_interaction_id=events[0].interaction.id)
        return [events, then]

    same(asyncio.run(ask()))


def test_threads(same):
    answers = {}

    def ask(n):
        answers[n] = create(f"Tell me about letter {n}.")

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same([answers[n] for n in range(4)])


def test_client_made_from_the_environment(same):
    mine = genai.Client()
    same(mine.interactions.create(model=MODEL, input="Hello from within!"))


def test_child_with_the_sdk(same):
    code = (
        "from google import genai\nclient = genai.Client()\n"
        f"print(client.interactions.create(model={MODEL!r}, input='Hello from a child!').id)"
    )
    same(
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_node(same):
    code = """
    const url = process.env.GOOGLE_GEMINI_BASE_URL + '/v1/interactions';
    const headers = {'content-type': 'application/json'};
    const ask = async (input, more) => (await fetch(url, {method: 'POST', headers, body: JSON.stringify(
      {model: 'gemini-3.5-flash', input, ...more})})).text();
    const first = JSON.parse(await ask('My name is Node.'));
    console.log(first.id, await ask("What's my name?", {previous_interaction_id: first.id, stream: true}));
    """
    command = ["node", "--input-type=module", "-e", code]
    same(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout)


def test_records(same, interactions):
    first = create("My name is Gus.")
    create("What's my name?", previous_interaction_id=first.id)
    assert [node.depth for node in interactions.tree()] == [0, 1]
    same([record.output_text for record in interactions.records])
