"""A conversation whose history the service keeps: each turn names the one before it."""

from google import genai

client = genai.Client()
previous = {}
for message in ("My name is Alice.", "My favorite color is teal.", "What's my name?"):
    interaction = client.interactions.create(model="gemini-2.5-flash", input=message, **previous)
    previous = {"previous_interaction_id": interaction.id}
    print(f"{message} -> {interaction.output_text}")
