"""Comments are judged, each on its own: small prompts, one schema."""

from google import genai
from pydantic import BaseModel

COMMENTS = ("What a lovely photo, thank you!", "You are terrible and I hate you.")


class ModerationResult(BaseModel):
    is_safe: bool
    categories: list[str]
    confidence: float


client = genai.Client()
for comment in COMMENTS:
    interaction = client.interactions.create(
        model="gemini-2.5-flash",
        input=f"Moderate: {comment}",
        response_format={
            "type": "text",
            "mime_type": "application/json",
            "schema": ModerationResult.model_json_schema(),
        },
    )
    print(comment, "->", repr(ModerationResult.model_validate_json(interaction.output_text)))
