"""An invoice as PDF becomes an object with a schema."""

import base64
from pathlib import Path

from google import genai
from pydantic import BaseModel

PDF = (Path(__file__).parent / "media" / "invoice.pdf").read_bytes()


class Item(BaseModel):
    description: str
    quantity: int
    amount: float


class Invoice(BaseModel):
    invoice_number: str
    date: str
    total: float
    items: list[Item]


client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash",
    input=[
        {"type": "text", "text": "Extract invoice data."},
        {"type": "document", "data": base64.b64encode(PDF).decode(), "mime_type": "application/pdf"},
    ],
    response_format={"type": "text", "mime_type": "application/json", "schema": Invoice.model_json_schema()},
)
print(repr(Invoice.model_validate_json(interaction.output_text)))
