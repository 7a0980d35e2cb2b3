"""Calls of generateContent by LangChain or pydantic-ai: `python passing.py langchain|pydantic_ai PROMPTS`.

A line of JSON each, saying what the client told the app.
"""

import asyncio
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
PROMPTS = json.loads(sys.argv[2])
MODEL, BASE = "gemini-2.5-flash", os.environ["GOOGLE_GEMINI_BASE_URL"]


def langchain():
    from langchain_google_genai import ChatGoogleGenerativeAI

    chat = ChatGoogleGenerativeAI(model=MODEL, base_url=BASE)
    yield "plain", chat.invoke(PROMPTS["plain"]).text
    yield "stream", "".join(chunk.text for chunk in chat.stream(PROMPTS["stream"]))


def pydantic_ai():
    from pydantic_ai import Agent
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    agent = Agent(GoogleModel(MODEL, provider=GoogleProvider(api_key=os.environ["GEMINI_API_KEY"], base_url=BASE)))

    async def streamed():
        async with agent.run_stream(PROMPTS["stream"]) as result:
            return "".join([piece async for piece in result.stream_text(delta=True)])

    async def both():
        return (await agent.run(PROMPTS["plain"])).output, await streamed()

    return zip(("plain", "stream"), asyncio.run(both()), strict=True)


for way, text in {"langchain": langchain, "pydantic_ai": pydantic_ai}[sys.argv[1]]():
    print(json.dumps({"way": way, "told": [{"text": text}]}), flush=True)
