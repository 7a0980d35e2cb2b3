"""A web page that the service fetches and reads."""

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="Summarize https://example.com", tools=[{"type": "url_context"}]
)
for output in interaction.outputs:
    if output.type == "url_context_result":
        print(", ".join(f"{page.url}: {page.status}" for page in output.result))
print(interaction.outputs[-1].text)
