"""A calculation that the service does by running code."""

from google import genai

client = genai.Client()
interaction = client.interactions.create(
    model="gemini-2.5-flash", input="Calculate the 50th Fibonacci number.", tools=[{"type": "code_execution"}]
)
for output in interaction.outputs:
    if output.type == "code_execution_call":
        print(output.arguments.code)
    elif output.type == "code_execution_result":
        print("->", output.result.strip())
print(interaction.outputs[-1].text)
