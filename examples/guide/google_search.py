"""An answer grounded in a web search, with its sources."""

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="Who won the 2024 Super Bowl?", tools=[{"type": "google_search"}]
)
for step in interaction.steps:
    if step.type == "google_search_call":
        print("searched for:", ", ".join(step.arguments.queries))
    elif step.type == "model_output":
        for content in step.content:
            print(content.text)
            for annotation in content.annotations or []:
                print("source:", annotation.url)
