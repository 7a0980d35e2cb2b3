"""Every model and agent of the guide says hello."""

import time

from google import genai

MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3-pro-preview")
AGENT = "deep-research-pro-preview-12-2025"

client = genai.Client()
for model in MODELS:
    print(f"{model}: {client.interactions.create(model=model, input='Hello!').output_text}")
job = client.interactions.create(agent=AGENT, input="Hello!", background=True)
while job.status == "in_progress":
    time.sleep(0.2)
    job = client.interactions.get(job.id)
print(f"{AGENT}: {job.status}")
