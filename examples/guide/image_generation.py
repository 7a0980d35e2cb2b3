"""A picture is drawn: asked for with `response_format`, and with the older `response_modalities`."""

import base64

from google import genai

MODEL = "gemini-3-pro-image-preview"

client = genai.Client()
for wish in ({"response_format": {"type": "image", "aspect_ratio": "16:9"}}, {"response_modalities": ["image"]}):
    interaction = client.interactions.create(model=MODEL, input="Generate a sunset image.", **wish)
    for step in interaction.steps:
        for content in step.content if step.type == "model_output" else ():
            if content.type == "image":
                print(f"{next(iter(wish))}: {content.mime_type}, {len(base64.b64decode(content.data))} bytes")
