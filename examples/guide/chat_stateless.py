"""A conversation whose history the app keeps and sends whole; nothing is stored at the service."""

from google import genai

client = genai.Client()
history = [
    {"type": "user_input", "content": [{"type": "text", "text": "My name is Alice."}]},
    {"type": "model_output", "content": [{"type": "text", "text": "Hello Alice!"}]},
    {"type": "user_input", "content": [{"type": "text", "text": "What's my name?"}]},
]
interaction = client.interactions.create(model="gemini-2.5-flash", input=history, store=False)
print(interaction.output_text)
