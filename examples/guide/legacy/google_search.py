"""An answer grounded in a web search, with its sources."""

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="Who won the 2024 Super Bowl?", tools=[{"type": "google_search"}]
)
for output in interaction.outputs:
    if output.type == "google_search_call":
        print("searched for:", ", ".join(output.arguments.queries))
    elif output.type == "text":
        print(output.text)
        for annotation in output.annotations or []:
            print("source:", annotation.url)
