"""A question about a sound that is sent inline."""

import base64
from pathlib import Path

from google import genai

DATA = (Path(__file__).parents[1] / "media" / "note.wav").read_bytes()

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "What do you hear?"},
        {"type": "audio", "data": base64.b64encode(DATA).decode(), "mime_type": "audio/wav"},
    ],
)
print(interaction.outputs[-1].text)
