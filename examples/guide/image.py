"""A question about a picture that is sent inline."""

import base64
from pathlib import Path

from google import genai

DATA = (Path(__file__).parent / "media" / "sunset.png").read_bytes()

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "What's in this image?"},
        {"type": "image", "data": base64.b64encode(DATA).decode(), "mime_type": "image/png"},
    ],
)
print(interaction.output_text)
