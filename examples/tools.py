"""A tool loop: the model asks for the weather, the app looks it up and answers, until the model is satisfied."""

from google import genai

MODEL = "gemini-3.5-flash"
WEATHER = {"Paris": "rain, 14 °C", "Lisbon": "sun, 23 °C"}
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather in a city right now.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string", "description": "A city"}},
            "required": ["location"],
        },
    }
]


def get_weather(location: str) -> dict[str, str]:
    return {"location": location, "weather": WEATHER.get(location, "unknown")}


client = genai.Client()
turn = client.interactions.create(model=MODEL, input="What is the weather in Paris?", tools=TOOLS)
while turn.status == "requires_action":
    results = [
        {"type": "function_result", "call_id": step.id, "name": step.name, "result": get_weather(**step.arguments)}
        for step in turn.steps
        if step.type == "function_call"
    ]
    turn = client.interactions.create(model=MODEL, input=results, tools=TOOLS, previous_interaction_id=turn.id)
print("tools:", turn.output_text)
