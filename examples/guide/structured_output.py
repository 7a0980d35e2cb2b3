"""An answer that satisfies a JSON schema, read into a pydantic model."""

from typing import Literal

from google import genai
from pydantic import BaseModel


class ProductReview(BaseModel):
    sentiment: Literal["positive", "negative", "neutral"]
    rating: int
    summary: str


client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input="Review: This product is amazing! 5 stars.",
    response_format={"type": "text", "mime_type": "application/json", "schema": ProductReview.model_json_schema()},
)
print(repr(ProductReview.model_validate_json(interaction.output_text)))
