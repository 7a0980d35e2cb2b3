"""A function of the app: the model asks for it, the app runs it and sends the result back."""

from google import genai

MODEL = "gemini-2.5-flash"
TOOLS = [
    {
        "type": "function",
        "name": "calculate_price",
        "description": "Calculate total price with tax",
        "parameters": {
            "type": "object",
            "properties": {"price": {"type": "number"}, "tax_percent": {"type": "number"}},
            "required": ["price", "tax_percent"],
        },
    }
]


def calculate_price(price: float, tax_percent: float) -> dict[str, float]:
    return {"total": round(price * (1 + tax_percent / 100), 2)}


client = genai.Client()
turn = client.interactions.create(model=MODEL, input="Calculate the total price for $100 with 8% tax.", tools=TOOLS)
for step in turn.steps:
    if step.type == "function_call":
        result = calculate_price(**step.arguments)
        print(f"{step.name}({step.arguments}) -> {result}")
        turn = client.interactions.create(
            model=MODEL,
            previous_interaction_id=turn.id,
            input=[{"type": "function_result", "name": step.name, "call_id": step.id, "result": result}],
            tools=TOOLS,
        )
print(turn.output_text)
