"""A question about a video that is sent inline."""

import base64
from pathlib import Path

from google import genai

DATA = (Path(__file__).parent / "media" / "square.avi").read_bytes()

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "Summarize this video."},
        {"type": "video", "data": base64.b64encode(DATA).decode(), "mime_type": "video/avi"},
    ],
)
print(interaction.output_text)
