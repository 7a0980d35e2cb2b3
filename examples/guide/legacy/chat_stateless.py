"""A conversation whose history the app keeps and sends whole, as turns with roles; nothing is stored at the service."""

from google import genai

client = genai.Client()
history = [
    {"role": "user", "content": "My name is Alice."},
    {"role": "model", "content": "Hello Alice!"},
    {"role": "user", "content": "What's my name?"},
]
interaction = client.interactions.create(model="gemini-2.5-flash", input=history, store=False)
print(interaction.outputs[-1].text)
