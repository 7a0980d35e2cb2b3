"""A calculation that the service does by running code."""

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="Calculate the 50th Fibonacci number.", tools=[{"type": "code_execution"}]
)
for step in interaction.steps:
    if step.type == "code_execution_call":
        print(step.arguments.code)
    elif step.type == "code_execution_result":
        print("->", step.result.strip())
print(interaction.output_text)
