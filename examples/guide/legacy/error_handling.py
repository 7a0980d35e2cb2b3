"""What goes wrong: a call that is tried again, one that is refused, a parent that is gone, a job that fails."""

import time

from google import genai

MODEL = "gemini-2.5-flash"

client = genai.Client()


def attempt(**request: object) -> None:
    try:
        interaction = client.interactions.create(**request)
        while interaction.status == "in_progress":
            time.sleep(0.2)
            interaction = client.interactions.get(interaction.id)
        if interaction.status == "failed":
            print("Error:", interaction.errors[0]["message"])
        elif interaction.status == "completed":
            print("Answer:", interaction.outputs[-1].text)
    except Exception as error:
        print("API Error:", type(error).__name__, error)


attempt(model=MODEL, input="Hello! Please fail with 429 once.")  # the SDK tries again by itself
attempt(model=MODEL, input="Please fail with 400.")
attempt(model=MODEL, input="Go on.", previous_interaction_id="v1_of_yesterday")
attempt(agent="deep-research-pro-preview-12-2025", input="Research Atlantis. Please fail the job.", background=True)
