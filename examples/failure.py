"""What goes wrong: a background job that fails, and a request that the service refuses."""

import time

from google import genai

client = genai.Client()
job = client.interactions.create(
    agent="deep-research-pro-preview-12-2025",
    input="Research the lost city of Atlantis. Please fail the job.",
    background=True,
)
while job.status in ("queued", "in_progress"):
    time.sleep(0.3)
    job = client.interactions.get(job.id)
print("failure:", job.status, "-", job.errors[0].message if job.errors else "no reason given")

try:
    client.interactions.create(model="gemini-3.5-flash", input="Go on.", previous_interaction_id="v1_of_yesterday")
except Exception as error:
    print("failure:", str(error).splitlines()[0])
