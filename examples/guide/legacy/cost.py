"""What keeps calls cheap: a small model, short answers, a history that is cached, no storing at the end."""

from google import genai

MODEL = "gemini-2.5-flash-lite"

client = genai.Client()
rules = "You answer questions about our shop. " + "Every order above 50 euros is sent for free. " * 40
first = client.interactions.create(model=MODEL, input=rules)
second = client.interactions.create(
    model=MODEL,
    input="Describe when the delivery is free.",
    previous_interaction_id=first.id,
    generation_config={"max_output_tokens": 8, "temperature": 0.7, "thinking_level": "low"},
    store=False,
)
for turn in (first, second):
    usage = turn.usage
    print(f"{usage.total_input_tokens} in, {usage.total_cached_tokens} of them cached; {usage.total_output_tokens} out")
print(f"{second.status}: {second.outputs[-1].text}")
