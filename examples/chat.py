"""A chat whose state the service keeps; its third turn is asked in two ways, which makes a fork."""

from google import genai

MODEL = "gemini-3.5-flash"

client = genai.Client()
hello = client.interactions.create(model=MODEL, input="Hello! My name is Alice and I am planning a trip to Lisbon.")
name = client.interactions.create(model=MODEL, input="What's my name?", previous_interaction_id=hello.id)
print("chat:", name.output_text)

for question in ("Suggest a museum for a rainy day.", "Suggest a beach for a sunny day instead."):
    idea = client.interactions.create(model=MODEL, input=question, previous_interaction_id=name.id)
    print("chat:", idea.output_text)
