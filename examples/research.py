"""A background job: started, then polled until it is done."""

import time

from google import genai

client = genai.Client()
job = client.interactions.create(
    agent="deep-research-pro-preview-12-2025",
    input="Research the history of the Tower of Belém.",
    background=True,
)
while job.status in ("queued", "in_progress"):
    time.sleep(0.3)
    job = client.interactions.get(job.id)
print("research:", job.status, "-", (job.output_text or "").splitlines()[0])
