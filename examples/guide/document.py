"""A question about a PDF that is sent inline."""

import base64
from pathlib import Path

from google import genai

DATA = (Path(__file__).parent / "media" / "invoice.pdf").read_bytes()

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "What is this document about?"},
        {"type": "document", "data": base64.b64encode(DATA).decode(), "mime_type": "application/pdf"},
    ],
)
print(interaction.output_text)
