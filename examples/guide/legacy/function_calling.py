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
for output in turn.outputs:
    if output.type == "function_call":
        result = calculate_price(**output.arguments)
        print(f"{output.name}({output.arguments}) -> {result}")
        turn = client.interactions.create(
            model=MODEL,
            previous_interaction_id=turn.id,
            input=[{"type": "function_result", "name": output.name, "call_id": output.id, "result": result}],
            tools=TOOLS,
        )
print(turn.outputs[-1].text)
