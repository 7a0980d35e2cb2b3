"""A picture is drawn."""

import base64

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-3-pro-image-preview", input="Generate a sunset image.", response_modalities=["image"]
)
for output in interaction.outputs:
    if output.type == "image":
        print(f"{output.mime_type}, {len(base64.b64decode(output.data))} bytes")
