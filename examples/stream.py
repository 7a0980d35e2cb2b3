"""An answer that arrives event by event, thoughts first."""

from google import genai

client = genai.Client()
events = client.interactions.create(
    model="gemini-3.5-flash",
    input="Explain in three sentences why the sky is blue.",
    generation_config={"thinking_level": "low", "thinking_summaries": "auto"},
    stream=True,
)
print("stream: ", end="")
for event in events:
    if event.event_type == "step.delta" and event.delta.type == "text":
        print(event.delta.text, end="", flush=True)
print()
