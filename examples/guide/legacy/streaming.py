"""An answer that is printed while it arrives."""

from google import genai

client = genai.Client()
stream = client.interactions.create(model="gemini-2.5-flash", input="Explain machine learning.", stream=True)
for chunk in stream:
    if chunk.event_type == "content.delta" and chunk.delta.type == "text":
        print(chunk.delta.text, end="", flush=True)
    elif chunk.event_type == "interaction.complete":
        print(f"\n{chunk.interaction.status}, {chunk.interaction.usage.total_tokens} tokens")
