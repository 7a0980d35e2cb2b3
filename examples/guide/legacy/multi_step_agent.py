"""Research, then a summary, then formatting: an agent and two models in one chain."""

import time

from google import genai

MODEL = "gemini-2.5-flash"

client = genai.Client()
research = client.interactions.create(
    agent="deep-research-pro-preview-12-2025", input="Research AI trends.", background=True
)
while research.status == "in_progress":
    time.sleep(0.2)
    research = client.interactions.get(research.id)
summary = client.interactions.create(
    model=MODEL, input="Summarize in 3 bullet points.", previous_interaction_id=research.id
)
formatted = client.interactions.create(model=MODEL, input="Format as markdown.", previous_interaction_id=summary.id)
for step in (research, summary, formatted):
    print(f"--- {step.agent or step.model}\n{step.outputs[-1].text}")
