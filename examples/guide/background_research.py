"""A research agent that works in the background and is polled until it is done."""

import time

from google import genai

client = genai.Client()
job = client.interactions.create(
    agent="deep-research-pro-preview-12-2025",
    input="Research quantum computing advances.",
    background=True,
    agent_config={"type": "deep-research", "thinking_summaries": "auto"},
)
print("started:", job.status)
while job.status == "in_progress":
    time.sleep(0.2)
    job = client.interactions.get(job.id)
for step in job.steps:
    if step.type == "thought" and step.summary:
        print("thought:", step.summary[0].text.splitlines()[0])
print(f"{job.status}: {job.output_text}")
